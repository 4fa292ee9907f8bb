import avsc, { type Schema } from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avroOptions, governedSchema, kindOf } from '../../schemas/avro.ts';
import { HeadReader } from '../../schemas/change-head.ts';
import type { Governed } from '../../schemas/change.ts';
import { frontOf, governedHead } from '../../schemas/governed-head.ts';
import { positionText } from '../../schemas/position.ts';
import { encodeGoverned } from '../../schemas/wire.ts';

const column = (name: string, type: string) => ({ name, type, kind: kindOf(type) });
const shape = {
  table: 'public.orders',
  key: [column('id', 'bigint')],
  row: [column('id', 'bigint'), column('note', 'text')],
};
const type = avsc.Type.forSchema(governedSchema(shape) as Schema, avroOptions as object);
const registered = { id: 42, type };

const change = (more: Partial<Governed>): Governed => ({
  system: '7391234567890123456',
  log: 'ig_slot',
  position: { timeline: 1, lsn: 0x16_b374_d1c8n, seq: 3, part: 1 },
  table: shape.table,
  op: 'insert',
  lane: 0,
  transaction: 9,
  committedAt: 1_700_000_000_000_000,
  watermark: 1_700_000_000_000_001,
  key: { id: 7n },
  before: null,
  after: { id: 7n, note: 'v1' },
  provenance: 'pg:…',
  policy: 'orders@1',
  ...more,
});

const encoded = (more: Partial<Governed>) => encodeGoverned(registered, shape, change(more));

test('a head is read without its row', () => {
  const headOf = governedHead((id) => (id === 42 ? type : undefined));
  expect(headOf(encoded({}))).toMatchObject({
    schema: 42,
    position: '00000001/00000016b374d1c8/00000003/00000001',
    watermark: 1_700_000_000_000_001,
    policy: 'orders@1',
  });
});

test('policies are told apart, also where one ends as another does', () => {
  const headOf = governedHead(() => type);
  const policies = ['v1', 'v1', 'orders@v1', 'v11', 'v1', '', 'orders@v1'];
  expect(policies.map((policy) => headOf(encoded({ policy }))?.policy)).toEqual(policies);
});

test('what is no value of ours has no head', () => {
  const headOf = governedHead((id) => (id === 42 ? type : undefined));
  const whole = encoded({});
  const other = Buffer.from(whole);
  other[4] = 43;
  expect(headOf(other)).toBe(null);
  expect(headOf(Buffer.alloc(0))).toBe(null);
  expect(headOf(Buffer.from('text'))).toBe(null);
  expect(headOf(whole.subarray(0, 20))).toBe(null);
});

test('any position reads as it was written, and in its order', () => {
  const word = fc.nat(0x7fff_ffff);
  const position = fc.record({
    timeline: word,
    lsn: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    seq: word,
    part: word,
  });
  fc.assert(
    fc.property(position, (given) => {
      const value = encoded({ position: given });
      expect(frontOf(value)?.position).toBe(positionText(given));
      expect(new HeadReader().read(value)).toMatchObject({
        log: '7391234567890123456/ig_slot',
        position: given,
      });
    }),
  );
});

test('whatever bytes come, reading them does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const value = Buffer.from(bytes);
      if (value.length > 0) value[0] = 0;
      const front = frontOf(value);
      if (front) expect(front.position).toHaveLength(35);
    }),
    { numRuns: 2_000 },
  );
});
