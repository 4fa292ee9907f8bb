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
  ['numeric(5)', 'numeric(5,0)'],
  ['char', 'character(1)'],
  ['"char"', '"char"'],
  ['bit', 'bit(1)'],
  ['varbit(3)', 'bit varying(3)'],
  ['float(24)', 'real'],
  ['float', 'double precision'],
  ['bigserial', 'bigint'],
  ['time (3) with time zone', 'time(3) with time zone'],
  ['timestamptz(3)[]', 'timestamp(3) with time zone[]'],
  ['interval day to second (3)', 'interval day to second(3)'],
  ['int4[3][4]', 'integer[]'],
  ['public.mood', 'mood'],
  ['public.date', 'public.date'],
  ['public."Mood"[]', '"Mood"[]'],
  ['"text"', 'text'],
  ['"public"."mood"[]', 'mood[]'],
  ['pg_catalog.int4', 'integer'],
])('the type %s is what PostgreSQL calls %s', (written, printed) => {
  expect(typeName(written)).toBe(printed);
});

test('what is printed is its own name', () => {
  for (const type of [
    'interval day to second(3)',
    '"Mood"[]',
    'timestamp(3) with time zone',
    '"bit"',
  ])
    expect(typeName(type)).toBe(type);
});
