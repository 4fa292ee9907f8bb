import { sql } from '@databases/pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bundleText } from '../../../contracts/policy/bundle.ts';
import { bundleKey, stateKey } from '../../../contracts/policy/rollout.ts';
import { writeKeyed } from '../../../ops/policy/rollout-topic.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { bundleWith } from '../policy/variant-bundle.ts';
import { openWay, type Way } from '../way/way.ts';
import { errorOf, type RunningApi, startApi } from './api.ts';

let way: Way;
const apis: Partial<Record<'postgres' | 'clickhouse', RunningApi>> = {};
let table: string;

/** Tenant 1: six people who are calm, and one who is sad seven times. Tenant 2: one who is calm. */
function people(): readonly string[] {
  const row = (id: number, tenant: number, owner: number, mood: string) =>
    `INSERT INTO people VALUES (${id}, ${tenant}, ${owner}, 'Name${id} MARKER', 'mail${id}@MARKER', '+1 MARKER', '${mood}', null)`;
  return [
    ...Array.from({ length: 6 }, (_, at) => row(at + 1, 1, at + 1, 'calm')),
    ...Array.from({ length: 7 }, (_, at) => row(at + 11, 1, 9, 'sad')),
    row(21, 2, 21, 'calm'),
  ];
}

beforeAll(async () => {
  way = await openWay();
  table = `${way.name}.people`;
  await way.commit(...people());
  await way.drain();
  for (const from of ['postgres', 'clickhouse'] as const)
    apis[from] = await startApi(way, await way.variant((raw) => (raw['api'] = { from })));
  const officer = await apis.postgres!.token({
    sub: 'root',
    roles: ['admin'],
    scope: 'tenants.all admin.*',
  });
  const { errors } = await apis.postgres!.ask(
    officer,
    'mutation { enablePrivacyV2(tenantId: "1", enabled: true) }',
  );
  expect(errors).toEqual([]);
});
afterAll(() => way[Symbol.asyncDispose]());

const rowsQuery =
  'query Rows($table: String!, $first: Int, $after: String) { governedRows(table: $table, first: $first, after: $after) { rows next } }';

interface Rows {
  readonly rows: readonly Record<string, string | null>[];
  readonly next: string | null;
}

async function read(api: RunningApi, token: string, more: object = {}): Promise<Rows> {
  const answer = await api.ask(token, rowsQuery, { table, ...more });
  expect(answer.errors).toEqual([]);
  return answer.data!['governedRows'] as Rows;
}

describe.each(['postgres', 'clickhouse'] as const)('read from %s', (from) => {
  const api = () => apis[from]!;

  test('a tenant reads its own rows, page by page, and nobody else reads them', async () => {
    const token = await api().token();
    const ids: (string | null)[] = [];
    let after: string | null = null;
    do {
      const page: Rows = await read(api(), token, { first: 5, after });
      ids.push(...page.rows.map((row) => row['id'] ?? null));
      after = page.next;
    } while (after !== null);
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 17].map(String));
    const other = await read(api(), await api().token({ tenant: '2' }));
    expect(other.rows.map(({ id }) => id)).toEqual(['21']);
    expect((await read(api(), await api().token({ tenant: '3' }))).rows).toEqual([]);
  });

  test('nothing confidential is there, for anybody', async () => {
    for (const roles of [['analyst'], ['admin'], ['admin', 'high-clearance', 'privacy-officer']])
      for (const purpose of ['operations', 'research', 'marketing', 'audit']) {
        const { text } = await api().ask(await api().token({ roles, purpose }), rowsQuery, {
          table,
        });
        expect(text).not.toContain('MARKER');
      }
  });

  test('two purposes give two views of one row', async () => {
    const first = async (purpose: string) => {
      const { rows } = await read(api(), await api().token({ purpose }), { first: 1 });
      return rows[0]!;
    };
    const operations = await first('operations');
    expect(operations['email']).toMatch(/^[\w-]{22}$/);
    expect(operations['name']).toBe('***');
    expect(operations).not.toHaveProperty('phone');
    const marketing = await first('marketing');
    expect(Object.keys(marketing).toSorted()).toEqual([
      'bio',
      'id',
      'mood',
      'owner_id',
      'tenant_id',
    ]);
    const research = await first('research');
    expect(research['email']).toBe('***');
  });

  test('a cursor is of use to whoever was given it, and to nobody else', async () => {
    const { next } = await read(api(), await api().token(), { first: 1 });
    for (const bearer of [{ sub: 'eve' }, { tenant: '2' }]) {
      const token = await api().token(bearer);
      const answer = await api().ask(token, rowsQuery, { table, after: next });
      expect(errorOf(answer)[0]).toBe('BAD_USER_INPUT');
    }
  });

  test('a group is published if five distinct subjects are behind it, however many rows', async () => {
    const query =
      'query($table: String!) { governedCounts(table: $table, by: ["mood"]) { k groups { group subjects rows } } }';
    const own = await api().ask(await api().token(), query, { table });
    expect(own.data?.['governedCounts']).toEqual({
      k: 5,
      groups: [{ group: { mood: 'calm' }, subjects: 5, rows: 5 }], // Six, in steps of five.
    });
    const other = await api().ask(await api().token({ tenant: '2' }), query, { table });
    expect(other.data?.['governedCounts']).toEqual({ k: 5, groups: [] });
  });

  test('nobody groups by what policy shows less of', async () => {
    const query =
      'query($table: String!) { governedCounts(table: $table, by: ["email"]) { groups { subjects } } }';
    const token = await api().token({ roles: ['analyst'], purpose: 'research' });
    expect(errorOf(await api().ask(token, query, { table }))[0]).toBe('BAD_USER_INPUT');
    const phone = query.replace('email', 'phone');
    expect(errorOf(await api().ask(token, phone, { table }))[0]).toBe('BAD_USER_INPUT');
  });

  test('a name that is no column, a value that is SQL: neither reaches the server as such', async () => {
    const token = await api().token({ tenant: `1' OR '1'='1` });
    expect((await read(api(), token)).rows).toEqual([]);
    for (const by of ['mood" FROM pg_user --', 'nothing', '_position', '_lsn']) {
      const query =
        'query($table: String!, $by: [String!]!) { governedCounts(table: $table, by: $by) { k } }';
      const answer = await api().ask(await api().token(), query, { table, by: [by] });
      expect(errorOf(answer)[0]).toBe('BAD_USER_INPUT');
    }
    const answer = await api().ask(await api().token(), rowsQuery, { table: 'public.pg_user' });
    expect(errorOf(answer)[0]).toBe('BAD_USER_INPUT');
  });

  test('all tenants are read by a token whose scope says so, and by no other', async () => {
    const scope = 'data.read tenants.all';
    const { rows } = await read(api(), await api().token({ scope }));
    expect(new Set(rows.map((row) => row['tenant_id']))).toEqual(new Set(['1', '2']));
    const roles = ['admin', 'privacy-officer'];
    const { rows: own } = await read(api(), await api().token({ roles }));
    expect(new Set(own.map((row) => row['tenant_id']))).toEqual(new Set(['1']));
  });
});

test.for(['postgres', 'clickhouse'] as const)(
  'a wave finds the tenants that have rows in %s',
  async (from) => {
    const file = await way.variant((raw) => (raw['api'] = { from }));
    const dry = ['privacy', 'rollout', '--wave', '100', '--to', 'shadow', '--dry-run', '--json'];
    const { stdout } = await way.start(dry, file).ended;
    expect(JSON.parse(stdout)).toMatchObject({ tenants: 2, chosen: 2, moves: ['2'], isDry: true });
  },
);

test('details of a token grant one table and one kind of reading', async () => {
  const api = apis.postgres!;
  const details = [
    { type: 'governed_rows' as const, actions: ['count' as const], datatypes: [table] },
  ];
  const token = await api.token({ authorization_details: details });
  expect(errorOf(await api.ask(token, rowsQuery, { table }))).toEqual([
    'FORBIDDEN',
    'authorization-details',
  ]);
  const counts = 'query($table: String!) { governedCounts(table: $table, by: ["mood"]) { k } }';
  expect((await api.ask(token, counts, { table })).errors).toEqual([]);
  const other = { table: `${way.name}.lines` };
  expect(errorOf(await api.ask(token, counts, other))[1]).toBe('authorization-details');
});

test('off and shadow show what the contract promises, on what policy narrows, and each step is taken back', async () => {
  const api = apis.postgres!;
  const admin = await api.token({ sub: 'root', roles: ['admin'], tenant: '2' });
  const reader = await api.token({ tenant: '2', purpose: 'marketing' });
  const columns = async () => Object.keys((await read(api, reader)).rows[0]!).length;
  const turn = 'mutation($enabled: Boolean!) { enablePrivacyV2(tenantId: "2", enabled: $enabled) }';
  const whole = await columns();
  expect((await api.ask(admin, turn, { enabled: true })).data).toEqual({ enablePrivacyV2: true });
  expect(await columns()).toBe(whole - 2); // name and email; phone never rests.
  expect((await api.ask(admin, turn, { enabled: false })).data).toEqual({ enablePrivacyV2: true });
  expect(await columns()).toBe(whole);
  const kept = await way.state.query(
    sql`SELECT state, by, why FROM privacy_rollout WHERE tenant = '2' ORDER BY id`,
  );
  expect(kept).toEqual([
    { state: 'on', by: 'root', why: 'enablePrivacyV2' },
    { state: 'off', by: 'root', why: 'enablePrivacyV2' },
  ]);
  const { data } = await api.ask(admin, '{ privacyV2(tenantId: "2") { state changedBy } }');
  expect(data).toEqual({ privacyV2: { state: 'off', changedBy: 'root' } });
});

test('in shadow a reader is shown what the contract promises, and what policy would change is counted', async () => {
  const api = apis.postgres!;
  await way.state.query(
    sql`INSERT INTO privacy_rollout (tenant, state, by, why) VALUES ('2', 'shadow', 'test', 'test')`,
  );
  const { rows } = await read(api, await api.token({ tenant: '2', purpose: 'marketing' }));
  expect(rows[0]).toHaveProperty('email');
  const [, health] = /"health":"([^"]+)"/.exec(api.worker.stderr) ?? [];
  const metrics = await (await fetch(`${health}/metrics`)).text();
  expect(metrics).toContain('conductor_privacy_rollout_tenants{state="shadow"} 1');
  for (const column of ['name', 'email'])
    expect(metrics).toContain(
      `conductor_privacy_shadow_diffs_total{table="${table}",column="${column}",action="drop"} 1`,
    );
});

test("an administrator's order hides a column from a tier of that tenant, whatever policy says", async () => {
  const api = apis.postgres!;
  const admin = await api.token({ sub: 'root', roles: ['admin'] });
  const order = 'mutation($rule: RedactionRuleInput!) { setRedactionRule(rule: $rule) }';
  const rule = { field: `${table}.mood`, tier: 'support' };
  expect((await api.ask(admin, order, { rule })).data).toEqual({ setRedactionRule: true });
  const mood = async (roles: readonly string[]) => {
    const { rows } = await read(api, await api.token({ roles: [...roles] }), { first: 1 });
    return rows[0]!['mood'];
  };
  expect(await mood(['support'])).toBe('***');
  expect(await mood(['support', 'analyst'])).toBe('***');
  expect(await mood(['analyst'])).toBe('calm');
  const unknown = { field: 'public.nothing.at_all', tier: 'support' };
  expect(errorOf(await api.ask(admin, order, { rule: unknown }))[0]).toBe('BAD_USER_INPUT');
  const nobody = { ...rule, tier: 'support+suport' };
  expect(errorOf(await api.ask(admin, order, { rule: nobody }))[0]).toBe('BAD_USER_INPUT');
});

test('another revision of the policies decides from when it is activated, without a restart; one that is damaged changes nothing', async () => {
  const api = apis.postgres!;
  const mood = async () => {
    const { rows } = await read(api, await api.token(), { first: 1 });
    return rows[0]!['mood'];
  };
  const revision = async () => {
    const token = await api.token({ roles: ['admin'] });
    return (await api.ask(token, '{ policy { revision } }')).data!['policy'];
  };
  const publish = (key: string, text: string) =>
    writeKeyed(kafkaOptions(way.config, 'test'), way.config.policy.topic, [[key, text]]);
  const next = await bundleWith([
    { name: 'no-moods', level: 'tenant', when: { columns: ['mood'] }, action: 'mask' },
  ]);
  expect(await mood()).toBe('calm');
  await publish(bundleKey(next.revision), bundleText(next));
  await publish(stateKey, JSON.stringify({ active: next.revision, shadow: null }));
  await vi.waitFor(async () => expect(await mood()).toBe('***'), {
    timeout: 30_000,
    interval: 200,
  });
  expect(await revision()).toEqual({ revision: next.revision });

  await publish(bundleKey('damaged'), '{}');
  await publish(stateKey, JSON.stringify({ active: 'damaged', shadow: null }));
  await vi.waitFor(
    () => expect(api.worker.stderr).toMatch(/a revision of the policies cannot be used/),
    { timeout: 30_000, interval: 200 },
  );
  expect(await revision()).toEqual({ revision: next.revision });
  expect(await mood()).toBe('***');
});
