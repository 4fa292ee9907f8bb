import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bytes } from '../../schemas/bytes.ts';

const int64 = fc
  .tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(63))
  .map(([each, shift]) => each >> BigInt(shift));

/** Seven bits to a byte, the least first, as the specification of Avro says it. */
function zigzag(value: bigint): readonly number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

test('an integer is written the same from a number, a BigInt and its halves', () => {
  fc.assert(
    fc.property(int64, (value) => {
      const out = new Bytes(1);
      out.zigzagBig(value);
      expect([...out.view()]).toEqual(zigzag(value));

      const size = value < 0n ? -value : value;
      out.clear();
      out.zigzagHalves(value < 0n, Number(size >> 32n), Number(size & 0xffff_ffffn));
      expect([...out.view()]).toEqual(zigzag(value));

      if (!Number.isSafeInteger(Number(value))) return;
      out.clear();
      out.zigzag(Number(value));
      expect([...out.view()]).toEqual(zigzag(value));
      if (size >= 2n ** 52n) return; // So far does plain `avsc` read.
      expect(avro.Type.forSchema('long').fromBuffer(out.view())).toBe(Number(value));
    }),
    { numRuns: 2_000 },
  );
});

test('what is copied arrives whole, from a large buffer and from a small one, wherever it lies', () => {
  const part = fc.record({
    size: fc.constantFrom(16, 4_096, 5_000),
    start: fc.nat(300),
    length: fc.nat(400),
    isWhole: fc.boolean(), // All that another one holds, or a part of a buffer.
  });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const out = new Bytes(1);
      const copied: Buffer[] = [];
      for (const [index, { size, start, length, isWhole }] of parts.entries()) {
        const from = Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + index) % 256));
        const begin = Math.min(start, size);
        const count = Math.min(length, size - begin);
        const other = new Bytes(8);
        other.copy(from, begin, count);
        if (isWhole) out.add(other);
        else out.copy(from, begin, count);
        copied.push(Buffer.from(from.subarray(begin, begin + count)));
      }
      expect(Buffer.concat(copied).equals(out.view())).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('a buffer that grew for something rare is not kept, and one of a usual size is', () => {
  const out = new Bytes(16);
  const rare = Buffer.alloc(33 * 1024 * 1024, 'x');
  out.copy(rare, 0, 1_000_000);
  const usual = out.data;
  out.clear();
  expect(out.data).toBe(usual);
  out.copy(rare, 0, rare.length);
  out.clear();
  expect(out.data.length).toBeLessThan(10_000);
  out.zigzag(-7);
  out.copy(Buffer.from('again'), 0, 5);
  expect(out.view()).toEqual(Buffer.concat([Buffer.of(13), Buffer.from('again')]));
});

test('floats are written as Avro reads them', () => {
  const out = new Bytes(1);
  out.float(1.5);
  out.double(-0.1);
  expect(avro.Type.forSchema('float').fromBuffer(out.view().subarray(0, 4))).toBe(1.5);
  expect(avro.Type.forSchema('double').fromBuffer(out.view().subarray(4))).toBe(-0.1);
});
