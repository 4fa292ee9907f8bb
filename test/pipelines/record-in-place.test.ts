import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordInPlace } from '../../pipelines/record-in-place.ts';
import type { GovernedForm } from '../../schemas/governed-record.ts';

const origin = { topic: 'gov.shop.notes', table: 'notes', lane: 3, form: {} as GovernedForm };
const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
const offset = fc.bigInt({ min: 0n, max: 2n ** 53n - 1n });

test('wherever its key and its value lie, a record gives what came', () => {
  fc.assert(
    fc.property(
      fc.option(bytes),
      bytes,
      bytes,
      fc.boolean(),
      offset,
      (key, value, before, isShared, at) => {
        const batch = Buffer.concat([before, key ?? Buffer.alloc(0), value]);
        const keyEnd = before.length + (key?.length ?? 0);
        const record = isShared
          ? new RecordInPlace(
              origin,
              at,
              key && batch.subarray(before.length, keyEnd),
              batch.subarray(keyEnd),
            )
          : new RecordInPlace(origin, at, key && Buffer.from(new Uint8Array(key).buffer), value);
        expect(record.key?.toString('hex') ?? null).toBe(key?.toString('hex') ?? null);
        expect(record.value.toString('hex')).toBe(value.toString('hex'));
        expect(record.offset).toBe(at);
        const { topic, table, lane, form } = record;
        expect({ topic, table, lane, form }).toEqual(origin);
      },
    ),
  );
});
