import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avroOptions } from '../../schemas/avro.ts';
import {
  decodeTransaction,
  encodeTransaction,
  governedTransactionSchema,
} from '../../schemas/governed-transaction.ts';

const type = avro.Type.forSchema(governedTransactionSchema as unknown as avro.Schema, {
  ...avroOptions,
});

test('what is told of a transaction is read as it was told', () => {
  const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const told = fc.record({
    system: fc.string(),
    log: fc.string(),
    timeline: fc.nat(),
    lsn: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
    transaction: natural,
    committedAt: natural,
    watermark: natural,
    tables: fc.array(fc.record({ table: fc.string(), records: fc.nat() })),
  });
  fc.assert(
    fc.property(told, (one) => {
      expect(decodeTransaction(type, encodeTransaction({ id: 7, type }, one))).toEqual(one);
    }),
  );
});
