import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnContract, Rule, TableContract } from '../../contracts/contract.ts';
import { lattice } from '../../contracts/strictness.ts';
import { hasForm } from '../../processors/formed-token.ts';
import type { Tokeniser } from '../../processors/tokens.ts';
import { viewing } from '../../processors/view.ts';

const column = (name: string, rule: Rule, more: Partial<ColumnContract> = {}): ColumnContract => ({
  name,
  type: 'text',
  classification: 'internal',
  sensitivity: 'medium',
  rule,
  hierarchy: null,
  references: null,
  ...more,
});
const tableOf = (...columns: readonly ColumnContract[]): TableContract => ({
  table: 'public.people',
  revision: 'r1',
  key: ['id'],
  tenant: 'tenant_id',
  subject: null,
  columns,
  graph: null,
});
const token = (tenant: string, domain: string, value: unknown) =>
  Buffer.from(`${tenant}/${domain}/${String(value)}/-----------------`)
    .toString('base64url')
    .slice(0, 22);
const tokens: Tokeniser =
  ({ name }) =>
  (tenant, value) =>
    token(tenant, name, value);
const means = { tokens, sealed: new Set<string>(), open: null };
const ages = { kind: 'intervals', from: 0, to: 120, widths: [10, 40], level: 1 } as const;

const rules = fc.constantFrom(...lattice);

test('no value leaves as it rests unless its plan keeps it, however it came to rest', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer({ min: 0, max: 119 }).map(String),
    fc.constantFrom(null, '+41 79 123 45 67'),
  );
  const form = fc.constantFrom<Partial<ColumnContract>>({}, { tokenForm: 'digits' });
  fc.assert(
    fc.property(rules, rules, value, fc.boolean(), form, (promised, wanted, resting, has, more) => {
      const hierarchy = has ? ages : null;
      const view = viewing(
        tableOf(column('x', promised, { hierarchy, ...more })),
        tableOf(column('x', wanted, { hierarchy, ...more })),
        means,
      );
      const row = view.row({ x: resting, other: 'never promised' }, '7');
      expect(Object.keys(row)).toEqual(
        promised === 'drop' || wanted === 'drop' || wanted === 'seal' ? [] : ['x'],
      );
      const shown = row['x'];
      if (shown === undefined || shown === null || wanted === 'keep') return;
      const said = new Set(['***', '*', token('7', 'public.people.x', resting)]);
      const looksMade = /^[\w-]{22}$/.test(shown) || (more.tokenForm && hasForm('digits', shown));
      const isToken = promised === 'tokenise' && looksMade;
      const isMade = /^\[[^,]+,[^,]+\)$/.test(shown) || isToken;
      expect(said.has(shown) || isMade).toBe(true);
      if (wanted === 'mask') expect(shown).toBe('***');
    }),
  );
});

test('a value that has the form of a token is made one, where its contract keeps values', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('');
  const formed = fc.string({ unit: fc.constantFrom(...letters), minLength: 22, maxLength: 22 });
  const value = fc.oneof(fc.constant('DE89370400440532013000'), formed);
  fc.assert(
    fc.property(value, fc.constantFrom<Rule>('keep', 'generalise', 'mask'), (resting, promised) => {
      const view = viewing(tableOf(column('x', promised)), tableOf(column('x', 'tokenise')), means);
      expect(view.row({ x: resting }, '7')['x']).toBe(token('7', 'public.people.x', resting));
    }),
  );
});

test('a token stays, where its contract makes tokens', () => {
  const tokenised = tableOf(column('x', 'tokenise'));
  const resting = 'z0Bc54yFGSnNdQgwBKrGe0';
  expect(viewing(tokenised, tokenised, means).row({ x: resting }, '7')['x']).toBe(resting);
});

test.for([
  ['where its contract makes tokens of that form, it stays', 'tokenise', true],
  ['so does a token that has another form', 'tokenise', true, 'z0Bc54yFGSnNdQgwBKrGe0'],
  ['what has neither form is made a token', 'tokenise', false, 'Ada, 079 123 45 67'],
  ['where its contract keeps values, one is made', 'keep', false],
] as const)(
  'what rests looks like a token of digits: %s',
  ([, promised, stays, resting = '079 123 45 67']) => {
    const formed = (rule: Rule) => tableOf(column('x', rule, { tokenForm: 'digits' }));
    const view = viewing(formed(promised), formed('tokenise'), means);
    const made = token('7', 'public.people.x', resting);
    expect(view.row({ x: resting }, '7')['x']).toBe(stays ? resting : made);
  },
);

test.for([
  ['a value that is kept', 'keep', 'ada', 'ada'],
  ['a value that is to be masked', 'mask', 'ada', '***'],
  ['a mask, where a token is wanted', 'tokenise', '***', '***'],
  [
    'what was kept by an older policy, where a token is wanted',
    'tokenise',
    'ada',
    token('7', 'public.people.x', 'ada'),
  ],
  ['nothing', 'mask', null, null],
] as const)('%s', ([, rule, resting, shown]) => {
  const view = viewing(tableOf(column('x', 'keep')), tableOf(column('x', rule)), means);
  expect(view.row({ x: resting }, '7')['x']).toBe(shown);
});

test.for([
  ['a number becomes its class', 1, '37', '[30,40)'],
  ['its class stays', 1, '[30,40)', '[30,40)'],
  ['a class that is coarser than is wanted stays', 1, '[0,40)', '[0,40)'],
  ['a class that is finer than is wanted tells nothing', 2, '[30,40)', '***'],
  ['what no class covers tells nothing', 1, '121', '***'],
  ['nor does what is no number', 1, 'ada', '***'],
] as const)('%s', ([, level, resting, shown]) => {
  const narrow = column('x', 'generalise', { hierarchy: { ...ages, level } });
  const view = viewing(tableOf(column('x', 'keep', { hierarchy: ages })), tableOf(narrow), means);
  expect(view.row({ x: resting }, '7')['x']).toBe(shown);
});

test.for([
  ['a code that ends like a prefix is a value where its contract keeps values', 'keep', '***'],
  ['a prefix stays where its contract makes prefixes', 'generalise', 'A*'],
] as const)('%s', ([, rule, shown]) => {
  const codes = { kind: 'prefixes', lengths: [2, 1], level: 1 } as const;
  const promised = tableOf(column('x', rule, { hierarchy: codes }));
  const narrow = tableOf(column('x', 'generalise', { hierarchy: codes }));
  expect(viewing(promised, narrow, means).row({ x: 'A*' }, '7')['x']).toBe(shown);
});

test('a sealed column is opened for who may and whose plan keeps it, and for nobody else', () => {
  const kept = tableOf(column('x', 'keep'));
  const sealed = new Set(['x']);
  const seen = (rule: Rule, open: ((text: string) => string | null) | null) =>
    viewing(kept, tableOf(column('x', rule)), { tokens, sealed, open }).row({ x: 'box' }, '7')['x'];
  expect(seen('keep', () => 'opened')).toBe('opened');
  expect(seen('keep', () => null)).toBe(null); // Its subject was erased.
  expect(seen('keep', null)).toBe('***');
  for (const rule of ['mask', 'tokenise', 'generalise'] as const)
    expect(seen(rule, () => 'opened')).toBe('***');
});

test('only what rests as its contract promised it can be grouped by', () => {
  const groupable = (promised: Rule, wanted: Rule) =>
    viewing(
      tableOf(column('x', promised, { hierarchy: ages })),
      tableOf(column('x', wanted, { hierarchy: ages })),
      means,
    ).groupable.has('x');
  for (const promised of lattice)
    for (const wanted of lattice)
      expect(groupable(promised, wanted)).toBe(
        promised === wanted && ['keep', 'generalise', 'tokenise'].includes(wanted),
      );
});

test('a column named as nobody should name one is a column like others', () => {
  const odd = column('__proto__', 'keep');
  const row = viewing(tableOf(odd), tableOf(odd), means).row(JSON.parse('{"__proto__":"a"}'), '7');
  expect(Object.entries(row)).toEqual([['__proto__', 'a']]);
});
