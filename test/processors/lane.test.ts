import fc from 'fast-check';
import { expect, test } from 'vitest';
import { laneOf, murmur2 } from '../../processors/lane.ts';
import { decoded } from './tables.ts';

/** From Kafka's own UtilsTest. */
const vectors = [
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
] as const;

for (const [text, hash] of vectors)
  test(`murmur2 of ${text} is Kafka's own`, () => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

const change = decoded('insert', {});

test('golden lane: a key stays where other clients would put it', () => {
  // As Kafka's DefaultPartitioner: toPositive(murmur2(key)) % partitions.
  const hash = murmur2(Buffer.from('{"id":7}')) & 0x7fff_ffff;
  expect(laneOf(change, { id: 7 }, 12)).toBe(hash % 12);
  expect(laneOf(change, { id: 7n }, 12)).toBe(hash % 12);
});

test('every key has a lane among those there are, whatever its hash', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 1_000 }), (id, lanes) => {
      const lane = laneOf(change, { id }, lanes);
      expect(Number.isInteger(lane) && lane >= 0 && lane < lanes).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('changes without a key are spread by their identity, and each always to the same lane', () => {
  const at = (seq: number) => ({ ...change, position: { ...change.position, seq } });
  const lanes = Array.from({ length: 200 }, (_, seq) => laneOf(at(seq), null, 4));
  expect(new Set(lanes).size).toBe(4);
  expect(laneOf(at(3), null, 4)).toBe(lanes[3]);
});
