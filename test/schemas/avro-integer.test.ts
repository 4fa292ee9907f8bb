import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AvroInteger } from '../../schemas/avro-integer.ts';
import { Bytes } from '../../schemas/bytes.ts';

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -200n, max: 200n }),
  fc.nat(62).map((bits) => 2n ** BigInt(bits)),
  fc.nat(63).map((bits) => -(2n ** BigInt(bits))),
);

const valueOf = ({ high, low }: AvroInteger): bigint => (BigInt(high) << 32n) | BigInt(low >>> 0);

test('whatever number was written is read, in halves', () => {
  const integer = new AvroInteger();
  fc.assert(
    fc.property(int64, fc.nat(3), (value, before) => {
      const out = new Bytes(64);
      for (let at = 0; at < before; at++) out.byte(255);
      out.zigzagBig(value);
      integer.read(out.view(), before);
      expect(valueOf(integer)).toBe(value);
    }),
    { numRuns: 1_000 },
  );
});

test('what is taken away is gone, modulo 64 bits', () => {
  const integer = new AvroInteger();
  fc.assert(
    fc.property(int64, fc.nat(Number.MAX_SAFE_INTEGER), (value, less) => {
      const out = new Bytes(64);
      out.zigzagBig(value);
      integer.read(out.view(), 0);
      integer.subtract(less);
      expect(valueOf(integer)).toBe(BigInt.asIntN(64, value - BigInt(less)));
    }),
    { numRuns: 1_000 },
  );
});
