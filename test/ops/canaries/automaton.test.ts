import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Automaton } from '../../../ops/canaries/automaton.ts';

const bytes = (most: number) =>
  fc.array(fc.constantFrom(0x61, 0x62, 0x63, 0xff), { minLength: 1, maxLength: most });

test('exactly what stands in the bytes is found, whatever overlaps', () => {
  fc.assert(
    fc.property(fc.array(bytes(4), { maxLength: 8 }), bytes(40), (needles, haystack) => {
      const automaton = new Automaton(
        needles.map((each, id) => ({ bytes: Uint8Array.from(each), id })),
      );
      const buffer = Buffer.from(haystack);
      const wanted = needles.flatMap((each, id) =>
        buffer.includes(Buffer.from(each)) ? [id] : [],
      );
      expect([...automaton.find(buffer)].sort((a, b) => a - b)).toEqual(wanted);
    }),
    { numRuns: 2_000 },
  );
});

test('every byte there is may be looked for', () => {
  const all = Uint8Array.from({ length: 256 }, (_, at) => at);
  const automaton = new Automaton([{ bytes: all, id: 7 }]);
  expect([...automaton.find(Buffer.concat([Buffer.from('x'), all]))]).toEqual([7]);
  expect([...automaton.find(all.subarray(1))]).toEqual([]);
  expect([...new Automaton([]).find(all)]).toEqual([]);
});
