import { expect, test } from 'vitest';
import { typeText } from '../../schemas/pg-type.ts';

const named = new Map([
  [16_384, { schema: 'public', name: 'mood' }],
  [16_385, { schema: 'public', name: '_mood' }],
  [16_386, { schema: '', name: 'int4' }], // What the server says of a domain over integer,
  [16_387, { schema: 'pg_catalog', name: '_numeric' }], // and over numeric[].
  [16_388, { schema: 'shop', name: 'Order "x"' }],
  [16_389, { schema: 'public', name: 'date' }],
  [16_390, { schema: 'public', name: 'order' }],
]);

test.each([
  [23, -1, 'integer'],
  [1007, -1, 'integer[]'],
  [1700, -1, 'numeric'],
  [1700, 786_438, 'numeric(12,2)'],
  [1700, (4 << 16) + (0x7fe & 0x7ff) + 4, 'numeric(4,-2)'],
  [1231, 786_438, 'numeric(12,2)[]'],
  [1043, 24, 'character varying(20)'],
  [1042, -1, 'bpchar'],
  [1042, 9, 'character(5)'],
  [18, -1, '"char"'],
  [1184, 3, 'timestamp(3) with time zone'],
  [1083, 0, 'time(0) without time zone'],
  [1186, (0x1c08 << 16) | 3, 'interval day to second(3)'],
  [1186, (0x7fff << 16) | 3, 'interval(3)'],
  [16_384, -1, 'mood'],
  [16_385, -1, 'mood[]'],
  [16_386, -1, 'integer'],
  [16_387, -1, 'numeric[]'],
  [16_388, -1, 'shop."Order ""x"""'],
  [16_389, -1, 'public.date'],
  [16_390, -1, '"order"'],
  [99_999, -1, 'type 99999'],
])('type %i with modifier %i is %s', (oid, typmod, text) => {
  expect(typeText(oid, typmod, named)).toBe(text);
});
