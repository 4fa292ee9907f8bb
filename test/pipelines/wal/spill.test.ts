import { hash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Spill, SpillRoom } from '../../../pipelines/wal/spill.ts';
import * as golden from '../../golden/pgoutput.ts';
import { marker, users } from '../../processors/tables.ts';
import { capturing, madeOf, spillDirectory } from './captured.ts';

const megabyte = 1024 * 1024;
const memory = 8 * megabyte;

/** A room that lets its files be seen. */
class OpenRoom extends SpillRoom {
  readonly files: FileHandle[] = [];
  readonly sealed: Buffer[] = []; // Where it lay.

  constructor() {
    super(spillDirectory);
  }

  override async file(): Promise<FileHandle> {
    const file = await super.file();
    this.files.push(file);
    return file;
  }

  override seal(plain: Buffer, left: number): Buffer {
    this.sealed.push(plain);
    return super.seal(plain, left);
  }

  /** What a thief would find. */
  async onDisk(): Promise<Buffer> {
    const contents = this.files.map(async (file) => {
      const { size } = await file.stat();
      const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
      return buffer;
    });
    return Buffer.concat(await Promise.all(contents));
  }
}

type Message = readonly [xid: number, content: Buffer];

/** Messages as short texts, which are the same if and only if they are. */
const told = (messages: readonly Message[]) =>
  messages.map(([xid, content]) => `${xid} ${content.length} ${hash('sha256', content)}`);

/** Adds messages as they come from a socket: in a buffer that is written over. */
async function fill(spill: Spill, messages: Iterable<Message>): Promise<void> {
  for (const [xid, content] of messages) {
    const gulp = Buffer.concat([Buffer.from('xx'), content, Buffer.from('x')]);
    await spill.append(xid, gulp, 2, 2 + content.length);
    gulp.fill(0xee);
  }
}

async function readBack(spill: Spill): Promise<readonly string[]> {
  const messages: Message[] = [];
  for await (const block of spill.blocks())
    for (let at = 0; at < block.length;) {
      const length = block.readUInt32BE(at);
      messages.push([
        block.readUInt32BE(at + 4),
        Buffer.from(block.subarray(at + 8, at + 8 + length)),
      ]);
      at += 8 + length;
    }
  return told(messages);
}

/** Messages of 64 kB, each of which says which it is. */
const large = (count: number): readonly Message[] =>
  Array.from({ length: count }, (_, n) => [n, Buffer.alloc(65_536, `${marker} ${n} `)]);

const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.integer({ min: 100_000, max: 700_000 }) },
);
const messages = fc.array(fc.tuple(fc.nat(0xffff_ffff), sizes), { maxLength: 30 });

test('messages come back in their order and to the byte, of whatever size, from memory or from a file', async () => {
  await fc.assert(
    fc.asyncProperty(messages, fc.boolean(), async (given, full) => {
      const room = new OpenRoom();
      if (full) room.reserve(memory);
      const spill = room.spill();
      const sent = given.map(([xid, size], n): Message => [xid, Buffer.alloc(size, `${n} `)]);
      await fill(spill, sent);
      expect(await readBack(spill)).toEqual(told(sent));
      expect(await readBack(spill)).toEqual(told(sent));
      await spill.discard();
    }),
    { numRuns: 60 },
  );
});

test('a little is kept in memory, and no file is made for it', async () => {
  const room = new OpenRoom();
  await fill(room.spill(), large(100));
  expect(room.files).toEqual([]);
});

test('memory is bounded for all transactions together: what is more goes to files', async () => {
  const room = new OpenRoom();
  const spills = [room.spill(), room.spill(), room.spill()];
  for (const spill of spills) await fill(spill, large(128));
  expect(room.reserve(megabyte)).toBe(false);
  const total = spills.length * 128 * 65_536;
  expect((await room.onDisk()).length).toBeGreaterThan(total - memory - 2 * megabyte);
  for (const spill of spills) expect(await readBack(spill)).toEqual(told(large(128)));
  for (const spill of spills) await spill.discard();
  expect(room.reserve(memory)).toBe(true);
});

test('a file has no name and nothing that can be read', async () => {
  const room = new OpenRoom();
  room.reserve(memory);
  const spill = room.spill();
  await fill(spill, large(20));
  expect(readdirSync(spillDirectory)).toEqual([]);
  const found = await room.onDisk();
  expect(found.length).toBeGreaterThan(megabyte);
  expect(found.includes(marker)).toBe(false);
  expect((await room.files[0]!.stat()).mode & 0o777).toBe(0o600);
  await spill.discard();
});

test('what is the same does not look the same in a file', () => {
  const room = new OpenRoom();
  const plain = Buffer.alloc(64, marker);
  const [a, b] = [room.seal(plain, 0), room.seal(plain, 0)];
  expect(a.subarray(8, 20)).not.toEqual(b.subarray(8, 20));
  expect(a.subarray(36)).not.toEqual(b.subarray(36));
});

test('no other process can read a file, nor can this one what was changed in it', async () => {
  const room = new OpenRoom();
  room.reserve(memory);
  const spill = room.spill();
  await fill(spill, large(8));
  const sealed = await room.onDisk();
  const [head, body] = [sealed.subarray(0, 36), sealed.subarray(36, 36 + sealed.readUInt32BE(0))];
  expect(() => new OpenRoom().open(head, body)).toThrow();
  await room.files[0]!.write(Buffer.of(body[100]! ^ 1), 0, 1, 136);
  await expect(readBack(spill)).rejects.toThrow('unable to authenticate');
  await spill.discard();
});

test('a message that is larger than memory comes back between its neighbours, and is sealed from where it lies, piece by piece', async () => {
  const room = new OpenRoom();
  const spill = room.spill();
  const huge = Buffer.alloc(5 * memory, `${marker} huge `);
  const sent: readonly Message[] = [...large(5), [5, huge], ...large(5)];
  await fill(spill, sent.slice(0, 5));
  await spill.append(5, huge, 0, huge.length);
  const own = room.sealed.filter(({ buffer }) => buffer === huge.buffer);
  expect(own.reduce((sum, { length }) => sum + length, 0)).toBe(huge.length);
  expect(Math.max(...room.sealed.map(({ length }) => length))).toBeLessThanOrEqual(megabyte);
  await fill(spill, sent.slice(6));
  expect(await readBack(spill)).toEqual(told(sent));
  expect((await room.onDisk()).includes(marker)).toBe(false);
  await spill.discard();
});

test('what is discarded is closed, however often', async () => {
  const room = new OpenRoom();
  room.reserve(memory);
  const spill = room.spill();
  await fill(spill, large(8));
  await spill.discard();
  await spill.discard();
  await expect(room.files[0]!.stat()).rejects.toThrow();
});

test('files of a process that was killed are removed at the start, and no others', () => {
  const directory = join(spillDirectory, 'deeper');
  new SpillRoom(directory);
  for (const name of ['1-0.spill', 'notes.txt']) writeFileSync(join(directory, name), marker);
  new SpillRoom(directory);
  expect(existsSync(join(directory, '1-0.spill'))).toBe(false);
  expect(existsSync(join(directory, 'notes.txt'))).toBe(true);
});

test('a streamed transaction that is larger than memory becomes what it would have become whole', async () => {
  const columns = ['id', 'tenant_id', 'email', 'phone', 'city'];
  const relation = golden.relation(
    1,
    ['public', 'users'],
    columns.map((name) => ({ name, oid: golden.oids.text, identity: name === 'id' })),
  );
  const rows = Array.from({ length: 400 }, (_, n) =>
    golden.insert(1, [`${n}`, '1', marker.repeat(2_500), null, 'Bern']),
  );
  const room = new OpenRoom();
  const { take, made, keyring } = await capturing({ contracts: [users], spillRoom: room });
  await take(golden.streamStart(7, true));
  for (const message of [relation, ...rows]) await take(golden.streamed(7, message));
  await take(golden.streamStop());
  const found = await room.onDisk();
  expect(found.length).toBeGreaterThan(megabyte);
  expect(found.includes(marker)).toBe(false);
  await take(golden.streamCommit(7, 10n, 20n, 1));
  const whole = [golden.begin(10n, 1, 7), relation, ...rows, golden.commit(10n, 20n, 1)];
  const { changes } = made();
  expect(changes.length).toBe(400);
  expect(changes).toEqual((await madeOf({ contracts: [users], keyring }, ...whole)).changes);
  await expect(room.files[0]!.stat()).rejects.toThrow();
});

test('an undone transaction gives back its file and its memory', async () => {
  const room = new OpenRoom();
  const { take, transactions } = await capturing({ spillRoom: room });
  const start = [golden.streamStart(7, true)];
  const content = 'x'.repeat(100_000);
  const said = golden.streamed(7, golden.message(1n, 'p', content, 'transactional'));
  await take(...start, ...Array.from({ length: 100 }, () => said), golden.streamStop());
  expect(room.files.length).toBe(1);
  await take(golden.streamAbort(7, 7));
  await expect(room.files[0]!.stat()).rejects.toThrow();
  expect(room.reserve(memory)).toBe(true);
  await transactions.discard();
});

test('what is held when reading ends is discarded', async () => {
  const room = new OpenRoom();
  room.reserve(memory);
  const { take, transactions } = await capturing({ spillRoom: room });
  const said = golden.message(1n, 'p', 'x'.repeat(300_000), 'transactional');
  await take(golden.streamStart(7, true), golden.streamed(7, said), golden.streamStop());
  await take(golden.streamStart(8, true), golden.streamed(8, said), golden.streamStop());
  const commit = golden.streamCommit(7, 10n, 20n, 1);
  await transactions.take(commit, 0, commit.length); // Its replay was not read.
  await transactions.discard();
  for (const file of room.files) await expect(file.stat()).rejects.toThrow();
  expect(room.files.length).toBe(2);
});
