import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { Rule, TableContract } from '../../../contracts/contract.ts';
import { policyOf } from '../../../contracts/policy/policy.ts';
import type { Claims } from '../../../contracts/token-claims.ts';
import { apiMetrics } from '../../../ops/api/api-metrics.ts';
import { cursors } from '../../../ops/gateway/cursor.ts';
import { gatewayOf } from '../../../ops/gateway/gateway.ts';
import type { Group, Reader } from '../../../ops/gateway/reader.ts';
import type { RestingRow } from '../../../processors/view.ts';
import { column, users } from '../../processors/tables.ts';

const people: TableContract = {
  ...users,
  columns: [column('id'), column('tenant_id'), column('mood')],
};
const claims: Claims = {
  iss: 'conductor',
  aud: 'conductor-api',
  jti: 'j',
  iat: 0,
  nbf: 0,
  exp: 900,
  sub: 'ada',
  tenant: '1',
  roles: ['analyst'],
  purpose: 'operations',
  scope: 'data.read analytics.read',
};

/** Reads from lists. */
const reading = (rows: readonly RestingRow[], groups: readonly Group[]): Reader => ({
  rows: async () => rows,
  tenants: async () => [],
  groups: async () => groups,
  async [Symbol.asyncDispose]() {},
});

interface World {
  readonly contract?: TableContract;
  readonly rule?: (column: string, tenant: string | null) => Rule | null;
  readonly rows?: readonly RestingRow[];
  readonly groups?: readonly Group[];
}

/** A gateway to people, for which tenant 7 has rules of its own. Tenants 1 and 7 are on. */
function opened({ contract = people, rule = () => null, rows = [], groups = [] }: World) {
  const own = { tenants: ['7'] };
  const rules = [{ name: 'r', level: 'tenant' as const, when: own, action: 'drop' as const }];
  const data = { purposes: ['operations'], roles: ['analyst'], rules, grants: [] };
  const policy = policyOf({ revision: 'p1', data }, (entrypoint, input) => {
    if (entrypoint.endsWith('decision'))
      return {
        action: 'analytics.exempt',
        allow: true,
        level: 'purpose',
        rules: [],
        conflicts: [],
      };
    const { columns, tenant } = input as TableContract;
    const answer = columns.map((each) => ({
      name: each.name,
      action: rule(each.name, tenant) ?? each.rule,
      to: 0,
      level: 'tenant',
      rules: [],
    }));
    return { columns: answer, conflicts: [] };
  });
  const on = ['1', '7'].map((tenant) => ({
    tenant,
    state: 'on' as const,
    changedBy: 'root',
    changedAt: new Date(0),
  }));
  const registry = new Registry();
  const gateway = gatewayOf({
    contracts: new Map([[contract.table, contract]]),
    policy: () => policy,
    published: { roles: [], purpose: 'operations' },
    tokens: () => () => 'token',
    open: () => null,
    reader: reading(rows, groups),
    rollout: {
      all: async () => on,
      of: async (tenant) =>
        on.find((each) => each.tenant === tenant) ?? { ...on[0]!, tenant, state: 'off' },
      move: async () => {},
    },
    orders: { all: async () => [], set: async () => {}, lift: async () => false },
    cursors: cursors(Buffer.alloc(32)),
    metrics: apiMetrics(registry),
    mostRows: 10,
  });
  const { signal } = new AbortController();
  const { table } = contract;
  return {
    metrics: () => registry.metrics(),
    rows: (more: Partial<Claims> = {}) =>
      gateway.rows({ table, first: 5, after: null }, { ...claims, ...more }, signal),
    counts: (more: Partial<Claims> = {}) =>
      gateway.counts({ table, by: ['mood'] }, { ...claims, ...more }, signal),
  };
}

const sad = { group: { mood: 'sad' }, subjects: 9, rows: 14 };
const everybody = { scope: 'data.read analytics.read tenants.all' };

test('counts are told in steps of k, so that no two of them differ by somebody who is held back', async () => {
  expect(await opened({ groups: [sad] }).counts()).toEqual({
    table: 'public.users',
    k: 5,
    groups: [{ group: { mood: 'sad' }, subjects: 5, rows: 10 }],
  });
});

test('who is exempt is told the counts themselves', async () => {
  const scope = 'analytics.read analytics.exempt';
  expect(await opened({ groups: [sad] }).counts({ scope })).toMatchObject({ k: 1, groups: [sad] });
});

test.for(['seal', 'tokenise', 'drop'] as const)(
  'nobody is counted where a tenant has its subjects %s',
  async (rule) => {
    const world = opened({
      rule: (name, tenant) => (name === 'id' && tenant === '7' ? rule : null),
      groups: [sad],
    });
    for (const more of [{}, everybody, { tenant: '7' }])
      await expect(world.counts(more)).rejects.toThrow('so that subjects can be counted');
  },
);

const isTenant = (name: string) => name === 'tenant_id';
const tokenised: TableContract = {
  ...people,
  columns: people.columns.map((each) => ({
    ...each,
    rule: isTenant(each.name) ? 'tokenise' : 'keep',
  })),
};

test.for<readonly [string, World]>([
  ['its contract makes tokens of', { contract: tokenised }],
  ['policy makes tokens of', { rule: (name) => (isTenant(name) ? 'tokenise' : null) }],
  [
    'policy seals for a tenant',
    { rule: (name, tenant) => (isTenant(name) && tenant === '7' ? 'seal' : null) },
  ],
])(
  'rows are read by nobody, by every tenant or one, by a tenant column that %s',
  async ([, how]) => {
    const world = opened({ ...how, rows: [{ id: '1', tenant_id: 'token', mood: 'sad' }] });
    for (const more of [{}, everybody]) {
      await expect(world.rows(more)).rejects.toThrow('does not rest as it is');
      await expect(world.counts(more)).rejects.toThrow('does not rest as it is');
    }
  },
);

test('whoever reads every tenant is shown of each what policy shows of it', async () => {
  const rule = (name: string, tenant: string | null): Rule | null =>
    name === 'mood' && tenant === '7' ? 'mask' : null;
  const rows = ['1', '7'].map((tenant) => ({ id: tenant, tenant_id: tenant, mood: 'sad' }));
  const world = opened({ rule, rows });
  const page = await world.rows(everybody);
  expect(page.rows.map(({ mood }) => mood)).toEqual(['sad', '***']);
  // One field of one row was made less, and none of the other's.
  expect(await world.metrics()).toContain(
    'conductor_api_redacted_fields_total{table="public.users"} 1',
  );
});
