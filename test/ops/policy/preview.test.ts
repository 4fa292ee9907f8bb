import { expect, test } from 'vitest';
import type { Rule } from '../../../contracts/contract.ts';
import {
  bundleOf,
  PolicyFailure,
  readBundle,
  shippedBundle,
} from '../../../contracts/policy/bundle.ts';
import { loadPolicy } from '../../../contracts/policy/policy.ts';
import { type DiffReport, parseReport, summed } from '../../../ops/policy/diffs.ts';
import { preview } from '../../../ops/policy/preview.ts';
import { column, users } from '../../processors/tables.ts';

const { wasm, data, sources } = await readBundle(shippedBundle);

const policyWith = (...rules: readonly object[]) =>
  loadPolicy(bundleOf({ wasm, dataText: JSON.stringify({ ...data, rules }), sources }, 'a test'));

const rule = (name: string, action: Rule, columns: readonly string[], more: object = {}) => ({
  name,
  level: 'dataset',
  when: { datasets: ['public.users'], columns },
  action,
  ...more,
});

const reader = { roles: ['high-clearance'], purpose: 'operations', tenant: null };
const hierarchy = { kind: 'prefixes', lengths: [3, 1], level: 1 } as const;
const of = {
  ...users,
  columns: users.columns.map((each) => (each.name === 'city' ? { ...each, hierarchy } : each)),
};

const active = await policyWith();
const other = await policyWith(
  rule('coarse-cities', 'generalise', ['city'], { to: 2 }),
  rule('no-phones', 'drop', ['phone']),
  rule('masked-phones', 'mask', ['phone']),
);

test('two revisions are shown beside each other, with who decided, what differs, and the shapes of values', () => {
  const shown = preview(of, reader, { active, other });
  expect(shown).toMatchObject({
    table: 'public.users',
    tier: 'high-clearance',
    purpose: 'operations',
    active: { revision: active.revision, failed: null, conflicts: [] },
    other: {
      revision: other.revision,
      conflicts: [{ column: 'phone', level: 'dataset', rules: ['masked-phones', 'no-phones'] }],
    },
  });
  const rows = shown.columns.map(({ column: name, active: now, other: then, differs }) => [
    name,
    now?.action,
    now?.sample,
    then?.action,
    then?.level,
    then?.rules.join(),
    then?.sample,
    differs,
  ]);
  expect(rows).toEqual([
    ['id', 'keep', 'aaaa aaaa', 'keep', 'contract', '', 'aaaa aaaa', false],
    ['tenant_id', 'keep', 'aaaa aaaa', 'keep', 'contract', '', 'aaaa aaaa', false],
    ['email', 'mask', '***', 'mask', 'contract', '', '***', false],
    ['phone', 'tokenise', 'a'.repeat(22), 'drop', 'dataset', 'no-phones', '', true],
    ['city', 'keep', 'aaaa aaaa', 'generalise', 'dataset', 'coarse-cities', 'a*', true],
  ]);
});

test('a token of a form is shown by its looks, and by no value', () => {
  const columns = of.columns.map((each) =>
    each.name === 'phone' ? { ...each, tokenForm: 'digits' as const } : each,
  );
  const shown = preview({ ...of, columns }, reader, { active, other: null });
  const phone = shown.columns.find((each) => each.column === 'phone');
  expect(phone?.active?.sample).toBe('999 999 99 99');
});

test('without another revision there is only the active one', () => {
  const shown = preview(of, reader, { active, other: null });
  expect(shown.other).toBeNull();
  expect(shown.columns.every((each) => each.other === null && !each.differs)).toBe(true);
});

test('a revision that cannot be evaluated shows why, and that nothing passes; the active one is shown all the same', () => {
  const failure = new PolicyFailure({ what: 'it is broken', where: 'there', fix: 'mend it' });
  const shown = preview(of, reader, { active, other: { revision: 'b', failure } });
  expect(shown.other).toEqual({ revision: 'b', failed: 'it is broken', conflicts: [] });
  expect(shown.columns.map((each) => each.active?.action)).toContain('keep');
  expect(shown.columns.every((each) => each.other === null)).toBe(true);
  const fun = preview(of, { ...reader, purpose: 'fun' }, { active, other: null });
  expect(fun.active.failed).toContain('is fun among its purposes?');
});

test('every action and type has a shape of its own to show', () => {
  const kinds = ['bigint', 'boolean', 'numeric(12,2)', 'uuid', 'timestamptz'];
  const typed = {
    ...users,
    columns: kinds.map((type, at) => ({ ...column(`c${at}`), type })),
  };
  const samples = preview(typed, reader, { active, other: null }).columns.map(
    (each) => each.active?.sample,
  );
  expect(new Set(samples).size).toBe(kinds.length);
});

const report: DiffReport = {
  at: '2026-11-26T22:00:00.000Z',
  active: 'a',
  shadow: 'b',
  table: 'public.users',
  tenant: null,
  tier: 'none',
  purpose: 'operations',
  column: 'city',
  from: { action: 'keep', to: 0 },
  to: { action: 'drop', to: 0 },
  changes: 0,
};

test('reports of one diff add up, and what is none is passed over', () => {
  const later = { ...report, at: '2026-11-26T22:00:10.000Z' };
  const another = { ...report, column: 'phone', changes: 1 };
  expect(parseReport(JSON.stringify(report))).toEqual(report);
  expect([parseReport('x'), parseReport('{}')]).toEqual([null, null]);
  expect(summed([report, { ...later, changes: 7 }, another, { ...later, changes: 5 }])).toEqual([
    { ...later, changes: 12 },
    another,
  ]);
});
