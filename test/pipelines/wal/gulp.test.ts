import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test, vi } from 'vitest';
import { Gulp } from '../../../pipelines/wal/gulp.ts';
import { isSettled, turns } from '../../doubles.ts';
import { overTls } from '../../tls-pair.ts';

const forever = new AbortController().signal;
const closing: (() => void)[] = [];

afterEach(() => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) close();
});

/** A gulp that is connected to a server, and the server's end of it. */
async function connected() {
  const gulp = new Gulp(10);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  gulp.socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [remote] = (await accepted) as [Socket];
  await once(gulp.socket, 'connect');
  remote.on('error', () => {});
  closing.push(
    () => gulp.stop(),
    () => remote.destroy(),
    () => server.close(),
  );
  return { gulp, remote };
}

async function taken() {
  const { gulp, remote } = await connected();
  gulp.takeOver(gulp.socket);
  const take = (patienceMs = 10_000, signal = forever) => gulp.take(signal, patienceMs);
  return { gulp, remote, take };
}

/** Takes until so many bytes have come. */
async function takeAll(take: () => Promise<Buffer | null>, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let left = bytes; left > 0;) {
    const gulp = await take();
    if (!gulp) continue;
    parts.push(Buffer.from(gulp));
    left -= gulp.length;
  }
  return Buffer.concat(parts);
}

const noise = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * at) >> 5));

test('until it is taken over, what arrives is for whoever has the socket, in bytes of their own', async () => {
  const { gulp, remote } = await connected();
  const seen: Buffer[] = [];
  gulp.socket.on('data', (chunk: Buffer) => seen.push(chunk));
  for (const said of ['hello', 'again']) {
    const heard = once(gulp.socket, 'data');
    remote.write(said);
    await heard;
  }
  expect(seen.map(String)).toEqual(['hello', 'again']);
});

test('from then on all that arrives is taken, in its order and to the byte', async () => {
  const { remote, take } = await taken();
  const sent = noise(3_000_000);
  remote.write(sent.subarray(0, 10));
  remote.write(sent.subarray(10));
  expect((await takeAll(take, sent.length)).equals(sent)).toBe(true);
});

test('a gulp stays as it is until the next is asked for, whatever arrives', async () => {
  const { remote, take } = await taken();
  remote.write('first');
  const gulp = await take();
  expect(String(gulp)).toBe('first');
  remote.write('second and longer');
  await turns(50);
  expect(String(gulp)).toBe('first');
  expect(String(await take())).toBe('second and longer');
});

test('a gulp that shows a backlog says so, and the next is asked for a moment later', async () => {
  const { gulp, remote, take } = await taken();
  remote.write('little');
  await take();
  expect(gulp.hasBacklog).toBe(false);
  remote.write(noise(100_000));
  while (!gulp.hasBacklog) await take();
  remote.write('more');

  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const next = take();
  await turns(50);
  expect(await isSettled(next)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect((await next)?.length).toBeGreaterThan(0);
});

test('in a steady flow of little the next is asked for some moments later, until there was a pause', async () => {
  const { remote, take } = await taken();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const atOnce = async (text: string) => {
    remote.write(text);
    expect(String(await take())).toBe(text);
  };
  const afterMoments = async (text: string, moments: number) => {
    remote.write(text);
    const next = take();
    await turns(20);
    await vi.advanceTimersByTimeAsync(moments - 1);
    expect(await isSettled(next)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(String(await next)).toBe(text);
  };
  await vi.advanceTimersByTimeAsync(100);
  await atOnce('a');
  await atOnce('b'); // Only now is it seen that they follow each other fast.
  await afterMoments('c', 10);
  await vi.advanceTimersByTimeAsync(4); // What it takes to use a gulp counts.
  await afterMoments('d', 6);
  await vi.advanceTimersByTimeAsync(100);
  await atOnce('e');
  await atOnce('f');
});

test('who waits is woken by what arrives, by a nudge, by an abort, and by patience that ran out', async () => {
  const { gulp, remote, take } = await taken();
  const stop = new AbortController();
  const first = take();
  remote.write('here');
  expect(String(await first)).toBe('here');
  const second = take();
  gulp.nudge();
  expect(await second).toBeNull();
  const third = take(10_000, stop.signal);
  stop.abort();
  expect(await third).toBeNull();

  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const fourth = take(5_000);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(await isSettled(fourth)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await fourth).toBeNull();
});

test('a nudge that comes before anybody waits is not lost', async () => {
  const { gulp, take } = await taken();
  gulp.nudge();
  expect(await take()).toBeNull();
});

test('without patience nobody waits', async () => {
  const { take } = await taken();
  expect(await take(0)).toBeNull();
});

test('what arrived before the connection ended is taken; then its end is an error, again and again', async () => {
  const { remote, take } = await taken();
  remote.end('last words');
  expect(String(await take())).toBe('last words');
  await expect(take()).rejects.toThrow('the server closed the replication connection');
  await expect(take(0)).rejects.toThrow('the server closed the replication connection');
});

test('a connection that breaks is an error to who waits', async () => {
  const { remote, take } = await taken();
  const waiting = take();
  remote.resetAndDestroy();
  await expect(waiting).rejects.toThrow();
});

/** A gulp that was taken over with TLS over its socket, and the server's end of it. */
async function takenOverTls() {
  const { gulp, remote } = await connected();
  const { over, server } = await overTls(gulp.socket, remote);
  gulp.takeOver(over);
  const take = (patienceMs = 10_000) => gulp.take(forever, patienceMs);
  return { gulp, server, take };
}

test('over TLS a gulp holds what many records brought, in their order and to the byte', async () => {
  const { gulp, server, take } = await takenOverTls();
  const recordBytes = 512;
  server.setMaxSendFragment(recordBytes);
  const sent = noise(5_000_000);
  for (let at = 0; at < sent.length; at += 250) server.write(sent.subarray(at, at + 250));
  const gulps: number[] = [];
  let sawBacklog = false;
  const all = await takeAll(async () => {
    const taken = await take();
    gulps.push(taken?.length ?? 0);
    sawBacklog ||= gulp.hasBacklog;
    return taken;
  }, sent.length);
  expect(all.equals(sent)).toBe(true);
  expect(gulps.length).toBeLessThan(sent.length / recordBytes / 20);
  expect(Math.max(...gulps)).toBeLessThanOrEqual(1_536 * 1024);
  expect(sawBacklog).toBe(true);
});

test('over TLS a gulp stays as it is while the next is collected, and no more is read than that holds', async () => {
  const { server, take } = await takenOverTls();
  server.write('first');
  const first = await take();
  expect(String(first)).toBe('first');
  const sent = Buffer.alloc(16_000_000, noise(100_003));
  server.write(sent);
  await turns(500);
  expect(String(first)).toBe('first');
  expect(server.writableLength).toBeGreaterThan(0);
  expect((await takeAll(take, sent.length)).equals(sent)).toBe(true);
});

test('over TLS a gulp that is waited for is not followed by one of nothing', async () => {
  const { server, take } = await takenOverTls();
  server.write('all');
  expect(String(await take())).toBe('all');
  const next = take();
  await turns(50);
  expect(await isSettled(next)).toBe(false);
  server.write('more');
  expect(String(await next)).toBe('more');
});

test('over TLS what arrived before the connection ended is taken, and then its end is an error', async () => {
  const { server, take } = await takenOverTls();
  server.end('last words');
  expect(String(await take())).toBe('last words');
  await expect(take()).rejects.toThrow('the server closed the replication connection');
});

test('once it is stopped the server sees the connection end', async () => {
  const { gulp, remote } = await taken();
  const rest = text(remote);
  gulp.stop();
  expect(await rest).toBe('');
});
