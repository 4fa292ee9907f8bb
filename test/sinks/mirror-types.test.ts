import fc from 'fast-check';
import { expect, test } from 'vitest';
import { widening } from '../../sinks/mirror-types.ts';

test.each([
  ['integer', 'smallint', 'held'],
  ['integer', 'bigint', 'bigint'],
  ['integer', 'numeric(12,2)', 'numeric(12,2)'],
  ['bigint', 'numeric(12,2)', 'numeric'],
  ['numeric(12,2)', 'integer', 'held'],
  ['numeric(10,2)', 'integer', 'numeric'],
  ['numeric(10,2)', 'numeric(12,2)', 'numeric(12,2)'],
  ['numeric(10,4)', 'numeric(12,2)', 'numeric'],
  ['numeric', 'numeric(40,20)', 'held'],
  ['integer', 'numeric(10,0)', 'numeric(10,0)'],
  ['bigint', 'numeric(10,0)', 'held'],
  ['real', 'double precision', 'double precision'],
  ['double precision', 'numeric', 'text'],
  ['integer', 'uuid', 'text'],
  ['character varying(10)', 'character varying(20)', 'character varying(20)'],
  ['character varying(20)', 'character varying(10)', 'held'],
  ['character(3)', 'character varying(3)', 'character varying(3)'],
  ['text', 'integer', 'held'],
  ['character varying', 'jsonb', 'held'],
  ['integer[]', 'bigint[]', 'bigint[]'],
  ['integer[]', 'text', 'text'],
  ['integer', 'integer[]', 'text'],
  ['integer[]', 'numeric(3,1)[]', 'numeric[]'],
  ['timestamp(3) with time zone', 'timestamp(3) with time zone', 'held'],
  ['timestamp with time zone', 'text', 'asked'],
  ['citext', 'text', 'asked'],
  ['jsonb', 'json', 'asked'],
])('a column of %s that is to hold %s is %s', (existing, wanted, said) => {
  const found = widening(existing, wanted);
  expect(found.kind === 'widened' ? found.to : found.kind).toBe(said);
});

test('what was widened holds what it was made for, and what was there', () => {
  const numeric = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.nat({ max: 40 }))
    .map(([precision, scale]) => `numeric(${precision},${Math.min(precision, scale)})`);
  const scalar = fc.oneof(
    fc.constantFrom('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'text'),
    fc.constantFrom('character varying', 'character varying(7)', 'character(7)', 'uuid', 'date'),
    numeric,
  );
  const type = fc.tuple(scalar, fc.constantFrom('', '', '[]')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(type, type, (existing, wanted) => {
      const found = widening(existing, wanted);
      if (found.kind !== 'widened') return;
      expect(widening(found.to, wanted)).toEqual({ kind: 'held' });
      expect(widening(found.to, existing)).toEqual({ kind: 'held' });
    }),
  );
});
