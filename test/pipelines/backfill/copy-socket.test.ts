import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { CopySocket } from '../../../pipelines/backfill/copy-socket.ts';
import { isSettled, turns } from '../../doubles.ts';
import { overTls } from '../../tls-pair.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A socket that is connected to a server, and the server's end of it. */
async function connected() {
  const own = new CopySocket();
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  own.socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [remote] = (await accepted) as [Socket];
  await once(own.socket, 'connect');
  own.socket.on('error', () => {});
  closing.push(
    () => own.socket.destroy(),
    () => remote.destroy(),
    () => server.close(),
  );
  return { own, remote };
}

const noise = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * at) >> 5));

test('what arrives is `pg`’s before a copy and after it, in bytes of its own', async () => {
  const { own, remote } = await connected();
  const seen: string[] = [];
  own.socket.on('data', (chunk: Buffer) => seen.push(String(chunk)));
  const heard = async (text: string) => {
    const data = once(own.socket, 'data');
    remote.write(text);
    await data;
  };
  await heard('before');
  const giveBack = own.takeOver(own.socket);
  remote.write('copied');
  expect(String(Buffer.concat(await own.take()))).toBe('copied');
  giveBack();
  await heard('after');
  expect(seen).toEqual(['before', 'after']);
});

test('all that a copy brings is taken in its order, though buffers are used again and again', async () => {
  const { own, remote } = await connected();
  own.takeOver(own.socket);
  const sent = noise(6_000_000);
  remote.write(sent);
  const parts: Buffer[] = [];
  for (let left = sent.length; left > 0;)
    for (const chunk of await own.take()) {
      parts.push(Buffer.from(chunk));
      left -= chunk.length;
      own.release(chunk);
    }
  expect(Buffer.concat(parts).equals(sent)).toBe(true);
});

test('what is not released stays as it is, and no more than a few buffers are filled meanwhile', async () => {
  const { own, remote } = await connected();
  own.takeOver(own.socket);
  const sent = noise(8_000_000);
  remote.write(sent);
  const kept: Buffer[] = [];
  while (kept.length < 8) kept.push(...(await own.take()));
  const copies = kept.map((chunk) => Buffer.from(chunk));
  const next = own.take();
  await turns(100);
  expect(await isSettled(next)).toBe(false);
  expect(kept.length).toBe(8);
  expect(kept.every((chunk, index) => chunk.equals(copies[index]!))).toBe(true);

  for (const chunk of kept) own.release(chunk);
  const parts = [...copies];
  for (let left = sent.length - Buffer.concat(copies).length, more = await next; left > 0;) {
    for (const chunk of more) {
      parts.push(Buffer.from(chunk));
      left -= chunk.length;
      own.release(chunk);
    }
    if (left > 0) more = await own.take();
  }
  expect(Buffer.concat(parts).equals(sent)).toBe(true);
});

test('over TLS many records are taken at once, and no more of them wait than of reads', async () => {
  const { own, remote } = await connected();
  const { over, server } = await overTls(own.socket, remote);
  const recordBytes = 512;
  server.setMaxSendFragment(recordBytes);
  own.takeOver(over);
  const sent = Buffer.alloc(8_000_000, noise(100_003));
  server.write(sent);
  const parts: Buffer[] = [];
  let takes = 0;
  let most = 0;
  for (let left = sent.length; left > 0; takes++) {
    if (takes === 1) await turns(500);
    const chunks = await own.take();
    most = Math.max(most, Buffer.concat(chunks).length);
    for (const chunk of chunks) {
      parts.push(Buffer.from(chunk));
      left -= chunk.length;
      own.release(chunk);
    }
  }
  expect(Buffer.concat(parts).equals(sent)).toBe(true);
  expect(takes).toBeLessThan(sent.length / recordBytes / 20);
  expect(most).toBeLessThanOrEqual(8 * 256 * 1024 + recordBytes);
});

test('a connection that ends in the middle of a copy is an error, after what arrived before', async () => {
  const { own, remote } = await connected();
  own.takeOver(own.socket);
  remote.end('last words');
  expect(String(Buffer.concat(await own.take()))).toBe('last words');
  await expect(own.take()).rejects.toThrow('in the middle of a copy');
  await expect(own.take()).rejects.toThrow('in the middle of a copy');
});

test('a connection that has ended already is an error at once', async () => {
  const { own } = await connected();
  own.socket.destroy();
  await once(own.socket, 'close');
  own.takeOver(own.socket);
  await expect(own.take()).rejects.toThrow('in the middle of a copy');
});

test('a server that falls silent in a copy is given up', async () => {
  const { own, remote } = await connected();
  own.takeOver(own.socket, 500);
  remote.write('copied');
  expect(String(Buffer.concat(await own.take()))).toBe('copied');
  await expect(own.take()).rejects.toThrow(/has not sent anything of a copy for too long/);
  expect(own.socket.destroyed).toBe(true);
});

test('once a copy is over nobody minds silence', async () => {
  const { own } = await connected();
  own.takeOver(own.socket, 50)();
  expect(own.socket.timeout).toBe(0);
});
