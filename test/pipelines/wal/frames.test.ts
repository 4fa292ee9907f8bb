import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complaint, Frames } from '../../../pipelines/wal/frames.ts';

type Message = readonly [kind: number, content: Buffer];

const message: fc.Arbitrary<Message> = fc.tuple(
  fc.nat(255),
  fc
    .oneof(
      { weight: 6, arbitrary: fc.uint8Array({ maxLength: 12 }) },
      { weight: 1, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 400 }) },
    )
    .map((bytes) => Buffer.from(bytes)),
);

function framed([kind, content]: Message): Buffer {
  const head = Buffer.alloc(5);
  head[0] = kind;
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** Bytes cut at some places, now and then with nothing between two cuts. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => Buffer.from(bytes.subarray(from, at[index])));
}

/** Reads chunk by chunk, each of which is written over once it was read. */
function read(frames: Frames, chunks: readonly Buffer[]): readonly Message[] {
  const found: Message[] = [];
  for (const chunk of chunks) {
    frames.feed(chunk);
    while (frames.next())
      found.push([frames.kind, Buffer.from(frames.data.subarray(frames.start, frames.end))]);
    expect(frames.next()).toBe(false);
    chunk.fill(0xee);
  }
  return found;
}

test('however a stream is cut into chunks, and though each is written over, its messages are the same', () => {
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(), { maxLength: 60 }), (sent, places) => {
      const bytes = Buffer.concat(sent.map(framed));
      expect(read(new Frames(), cut(bytes, places))).toEqual(sent);
    }),
    { numRuns: 1_000 },
  );
});

test('byte by byte it is the same stream', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (sent) => {
      const bytes = Buffer.concat(sent.map(framed));
      const places = Array.from(bytes, (_, place) => place);
      expect(read(new Frames(), cut(bytes, places))).toEqual(sent);
    }),
  );
});

test('a message that has not arrived whole is not there', () => {
  const bytes = framed([0x64, Buffer.from('content')]);
  for (let length = 0; length < bytes.length; length++)
    expect(read(new Frames(), [Buffer.from(bytes.subarray(0, length))])).toEqual([]);
});

test('a whole chunk is read where it lies: nothing of it is copied', () => {
  const frames = new Frames();
  const chunk = Buffer.concat([framed([1, Buffer.from('a')]), framed([2, Buffer.from('b')])]);
  frames.feed(chunk);
  expect(frames.next() && frames.data).toBe(chunk);
  expect(frames.next() && frames.data).toBe(chunk);
});

test('a large message that many reads bring takes its own size and no more', () => {
  const frames = new Frames();
  const message = framed([0x64, Buffer.alloc(64 * 1024 * 1024, 'large')]);
  const read = 256 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  for (let at = 0; at < message.length; at += read) {
    frames.feed(message.subarray(at, at + read));
    expect(frames.next()).toBe(at + read >= message.length);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(message.length * 1.1);
  expect(frames.data.equals(message)).toBe(true);
});

test('what the server complains of has its words and its code', () => {
  const fields = 'SERROR\0VERROR\0C42P01\0Mrelation "a" does not exist\0Fx.c\0\0';
  const data = Buffer.from(`before${fields}after`);
  const error = complaint(data, 6, 6 + fields.length);
  expect(error.message).toBe('relation "a" does not exist');
  expect(error).toMatchObject({ code: '42P01' });
});

test('a complaint that may quote a value has no more than its code', () => {
  const data = Buffer.from('SERROR\0C22P02\0Minvalid input syntax for type integer: "secret"\0\0');
  const error = complaint(data, 0, data.length);
  expect(`${error.stack}`).not.toContain('secret');
  expect(error).toMatchObject({ code: '22P02' });
});

test('a complaint without words is one all the same', () => {
  expect(complaint(Buffer.from('\0'), 0, 1)).toMatchObject({
    message: 'the server ended the stream with an error',
    code: '',
  });
});
