import { expect, test } from 'vitest';
import { typeName } from '../../contracts/type-name.ts';

test.each([
  ['int8', 'bigint'],
  ['INT', 'integer'],
  ['decimal(12, 2)', 'numeric(12,2)'],
  ['varchar(20)', 'character varying(20)'],
  ['timestamptz', 'timestamp with time zone'],
  ['timestamptz(3)', 'timestamp(3) with time zone'],
  ['timestamp', 'timestamp without time zone'],
  ['timestamp with time zone', 'timestamp with time zone'],
  ['text[]', 'text[]'],
  ['int4[]', 'integer[]'],
  ['jsonb', 'jsonb'],
])('the type %s is what PostgreSQL calls %s', (written, printed) => {
  expect(typeName(written)).toBe(printed);
});
