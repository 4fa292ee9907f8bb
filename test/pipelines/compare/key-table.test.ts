import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyTable } from '../../../pipelines/compare/key-table.ts';
import { compare, type Position } from '../../../schemas/position.ts';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const position: fc.Arbitrary<Position> = fc.record({
  timeline: fc.integer({ min: 1, max: 3 }),
  lsn: fc.constantFrom(
    1n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    0x1_0000_0000n,
    0x8000_0000_0000n,
  ),
  seq: fc.integer({ min: 0, max: 2 }),
  part: fc.integer({ min: 0, max: 2 }),
});

test('keys are told apart however many there are, and each keeps what was noted of it last', () => {
  const noted = fc.tuple(fc.constantFrom(-1, 0, 1, 2 ** 31 - 1), word, word);
  fc.assert(
    fc.property(fc.array(noted, { maxLength: 3_000, size: 'max' }), (notes) => {
      const table = new KeyTable(2, 0);
      const known = new Map<string, number>();
      for (const [high, low, hash] of notes) {
        table.setColumn(table.slotOf(high, low), 1, hash, 0);
        known.set(`${high}/${low}`, hash);
      }
      expect(table.count).toBe(known.size);
      for (const [name, hash] of known) {
        const [high = 0, low = 0] = name.split('/').map(Number);
        expect(table.fold(table.slotOf(high, low), [true, true])).toEqual({ high: hash, low: 0 });
      }
    }),
    { numRuns: 20 },
  );
});

test('what is newer is what has the greater position', () => {
  fc.assert(
    fc.property(position, position, (known, other) => {
      const table = new KeyTable(1, 0);
      const slot = table.slotOf(1, 2);
      table.move(slot, known, true);
      expect(table.isNewer(slot, other)).toBe(compare(other, known) > 0);
    }),
  );
});
