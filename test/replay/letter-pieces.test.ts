import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LetterPieces, type Piece } from '../../replay/letter-pieces.ts';

/** What a writer sends of a letter, until it crashes. */
interface Attempt {
  readonly id: string;
  readonly chunks: number;
  readonly sent: number;
}

const sizes: Readonly<Record<string, number>> = { a: 1, b: 2, c: 4 };
const attempt = fc
  .record({ id: fc.constantFrom('a', 'b', 'c'), sent: fc.integer({ min: 0, max: 4 }) })
  .map(({ id, sent }): Attempt => ({ id, chunks: sizes[id]!, sent: Math.min(sent, sizes[id]!) }));

/** The records of a lane, attempt by attempt. */
function laneOf(attempts: readonly Attempt[]): readonly Piece[] {
  let offset = 100n;
  return attempts.flatMap(({ id, chunks, sent }) =>
    Array.from({ length: sent }, (_, chunk) => ({ id, chunks, chunk, offset: offset++ })),
  );
}

test('a letter is whole once, for each time that all of it was written, and begins where that began', () => {
  fc.assert(
    fc.property(fc.array(attempt, { maxLength: 12 }), (attempts) => {
      const pieces = new LetterPieces();
      const found = laneOf(attempts).flatMap((piece) => pieces.take(piece, 10) ?? []);
      let offset = 100n;
      const wanted = attempts.flatMap(({ id, chunks, sent }) => {
        const at = offset;
        offset += BigInt(sent);
        return sent === chunks ? [{ id, offset: at, bytes: chunks * 10 }] : [];
      });
      expect(
        found.map(({ first, bytes }) => ({ id: first.id, offset: first.offset, bytes })),
      ).toEqual(wanted);
    }),
  );
});

test('whoever reads on from where it waits finds the letters that nobody has found yet', () => {
  fc.assert(
    fc.property(fc.array(attempt, { maxLength: 12 }), fc.nat(40), (attempts, cut) => {
      const lane = laneOf(attempts);
      const find = (records: readonly Piece[], pieces = new LetterPieces()) =>
        records.flatMap((piece) => pieces.take(piece, 1)?.first ?? []);
      const before = lane.slice(0, cut);
      const first = new LetterPieces();
      const found = find(before, first);
      const next = first.waitsFrom ?? 100n + BigInt(before.length);
      const more = find(lane.filter(({ offset }) => offset >= next));
      const offsets = (whole: readonly Piece[]) => new Set(whole.map(({ offset }) => offset));
      expect(offsets([...found, ...more])).toEqual(offsets(find(lane)));
    }),
  );
});

test('two that write one letter at once make one of it, and a piece without its first is nothing', () => {
  const piece = (chunk: number, offset: bigint) => ({ id: 'x', chunk, chunks: 3, offset });
  const pieces = new LetterPieces();
  const found = [0, 0, 1, 1, 2, 2].map((chunk, at) => pieces.take(piece(chunk, BigInt(at)), 1));
  expect(found.filter(Boolean)).toEqual([{ first: piece(0, 1n), bytes: 3 }]);
  expect(pieces.waitsFrom).toBeNull();
  expect(new LetterPieces().take(piece(2, 9n), 1)).toBeNull();
});

test('of two letters that are not whole yet the older one is waited from', () => {
  const pieces = new LetterPieces();
  const piece = (id: string, chunk: number, offset: bigint) => ({ id, chunk, chunks: 2, offset });
  pieces.take(piece('x', 0, 4n), 1);
  pieces.take(piece('y', 0, 5n), 1);
  expect(pieces.waitsFrom).toBe(4n);
  pieces.take(piece('x', 1, 6n), 1);
  expect(pieces.waitsFrom).toBe(5n);
});
