import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { redactionRulesIn } from '../../../ops/rollout/redaction-rules.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let config: string;
let said = 'conductor_policy_failed{pipeline="govern",role="active"} 0\n';
const worker = createServer((_, response) => response.end(said));

beforeAll(async () => {
  way = await openWay();
  await new Promise<void>((resolve) => worker.listen(0, '127.0.0.1', resolve));
  const { port } = worker.address() as AddressInfo;
  const monitors = [`http://127.0.0.1:${port}/metrics`];
  config = await way.variant((raw) => (raw['api'] = { monitors, rolloutSalt: 'of_this_test' }));
  const tenants = Array.from({ length: 10 }, (_, n) => `tenant-${n}`);
  await writeFile(join(way.folder, 'tenants'), tenants.join('\n'));
});
afterAll(async () => {
  await way[Symbol.asyncDispose]();
  await new Promise((resolve) => worker.close(resolve));
});

async function rollout(...args: readonly string[]) {
  const more = args.includes('--wave') ? ['--tenants', join(way.folder, 'tenants')] : [];
  const whole = ['privacy', 'rollout', ...args, ...more, '--json'];
  const { code, stdout, stderr } = await way.start(whole, config).ended;
  return { code, stderr, said: (stdout === '' ? {} : JSON.parse(stdout)) as { moves?: string[] } };
}

const states = async () =>
  (await way.state.query(sql`
    SELECT state, count(*)::int AS tenants FROM (
      SELECT DISTINCT ON (tenant) state FROM privacy_rollout ORDER BY tenant, id DESC) AS now
    GROUP BY state ORDER BY state`)) as readonly { state: string; tenants: number }[];

test('waves move on, each tenant once; a dry run moves nobody; a red monitor stops them, and never the way back', async () => {
  const dry = await rollout('--wave', '70', '--to', 'shadow', '--dry-run');
  expect(dry.said.moves).toHaveLength(7);
  expect(await states()).toEqual([]);

  const first = await rollout('--wave', '70', '--to', 'shadow');
  expect(first.said.moves).toEqual(dry.said.moves);
  expect(await states()).toEqual([{ state: 'shadow', tenants: 7 }]);

  const second = await rollout('--wave', '90', '--to', 'on');
  expect(second.said.moves).toEqual(expect.arrayContaining(first.said.moves ?? []));
  expect(await states()).toEqual([{ state: 'on', tenants: 9 }]);

  said += 'conductor_anon_smallest_region{dataset="visits"} 3\n';
  const red = await rollout('--wave', '100');
  expect(red.code).toBe(1);
  expect(red.stderr).toMatch(/k-anonymity: .*visits.* 3/);
  expect(await states()).toEqual([{ state: 'on', tenants: 9 }]);

  const [tenant = ''] = second.said.moves ?? [];
  expect((await rollout('--tenant', tenant, '--to', 'off')).code).toBe(0);
  expect((await rollout('--tenant', tenant, '--to', 'on')).code).toBe(1);
  expect(await states()).toEqual([
    { state: 'off', tenants: 1 },
    { state: 'on', tenants: 8 },
  ]);
  const kept = await way.state.query(
    sql`SELECT state, why FROM privacy_rollout WHERE tenant = ${tenant} ORDER BY id`,
  );
  expect(kept).toEqual([
    { state: 'shadow', why: 'wave 70' },
    { state: 'on', why: 'wave 90' },
    { state: 'off', why: 'one tenant' },
  ]);
});

test.for([
  [['--wave', '70', '--to', 'off'], 'a wave moves on'],
  [['--wave', '70', '--tenant', 'x'], 'not both'],
  [['--wave', '70', '--tenants', 'no such file'], 'cannot be read'],
  [['--to', 'off'], 'say who moves'],
  [['--dry-run'], 'say who moves'],
  [['--tenants', 'file'], 'say --wave'],
] as const)('%s is no way to use it, and is not blamed on a server', async ([args, said]) => {
  const { code, stderr } = await way.start(['privacy', 'rollout', ...args], config).ended;
  expect(code).toBe(2);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain('PostgreSQL');
});

test('what rests and cannot be read is not blamed on the state database', async () => {
  const gone = await way.variant((raw) => {
    raw['api'] = { from: 'clickhouse' };
    const { clickhouse } = raw['sinks'] as { clickhouse: Record<string, unknown> };
    clickhouse['url'] = 'http://127.0.0.1:1';
  });
  const { code, stderr } = await way.start(['privacy', 'rollout', '--wave', '70'], gone).ended;
  expect(code).toBe(1);
  expect(stderr).toContain('the tenants of what rests cannot be read');
  expect(stderr).not.toContain('state.url');
});

test('an order is lifted for whom it was given alone, and who lifted it is kept', async () => {
  const orders = await redactionRulesIn(way.state);
  const order = { field: 'public.people.mood', tier: 'support' };
  for (const tenant of ['1', '2', null]) await orders.set({ ...order, tenant }, 'root');
  const lift = (...whose: readonly string[]) =>
    way.start(['privacy', 'lift', '--field', order.field, '--tier', order.tier, ...whose], config)
      .ended;
  const left = async () => (await orders.all()).map(({ tenant }) => tenant);

  expect((await lift()).code).toBe(2);
  expect((await lift('--tenant', '1', '--all-tenants')).code).toBe(2);
  expect(await left()).toEqual(['1', '2', null]);
  expect((await lift('--tenant', '1')).code).toBe(0);
  expect(await left()).toEqual(['2', null]);
  expect((await lift('--tenant', '1')).code).toBe(1);
  expect((await lift('--all-tenants')).code).toBe(0);
  expect(await left()).toEqual(['2']);
  const kept = await way.state.query(
    sql`SELECT tenant, by, lifted_by IS NOT NULL AS lifted, lifted_at IS NOT NULL AS at
      FROM privacy_redaction_rules ORDER BY tenant`,
  );
  expect(kept).toEqual([
    { tenant: '1', by: 'root', lifted: true, at: true },
    { tenant: '2', by: 'root', lifted: false, at: false },
    { tenant: null, by: 'root', lifted: true, at: true },
  ]);
  await orders.set({ ...order, tenant: '1' }, 'root'); // It may be given again.
  expect(await left()).toEqual(['1', '2']);
});

test('where nobody watches, nobody is moved on', async () => {
  const unwatched = ['privacy', 'rollout', '--tenant', 'x', '--to', 'shadow'];
  const { code, stderr } = await way.start(unwatched).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/api.monitors/);
});
