import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import { ask, send, usageEvent } from './usage-events.ts';

let way: Way;
let configFile: string;
let usage: string;

beforeAll(async () => {
  way = await openWay();
  usage = `usage.${way.name}`;
  const unitCosts = join(import.meta.dirname, '../../../contracts/unit-costs.yaml');
  configFile = await way.variant((raw) => {
    raw['metering'] = { topic: usage, unitCosts, region: 'eu' };
  });
});

afterAll(() => way?.[Symbol.asyncDispose]());

const run = (env: Record<string, string> = {}) =>
  way.start(['run', 'meter', '--until-current'], configFile, env).ended;

async function meter(): Promise<void> {
  const { code, stderr } = await run();
  expect(code, stderr).toBe(0);
}

const sums = () =>
  ask<{ tenant: string; unit: string; n: string; used: string }>(
    way,
    `SELECT tenant, unit, toString(sum(events)) AS n, toString(sum(quantity)) AS used
      FROM usage_monthly WHERE unit != 'ingest_event' GROUP BY tenant, unit ORDER BY tenant, unit`,
  );

test('usage of any client is counted once, in the lane of its tenant, and what is no usage is a letter that says which field', async () => {
  await meter(); // Makes the topic.
  const events = [
    { key: 'acme', value: usageEvent({ id: '1', quantity: 3 }) },
    { key: 'acme', value: usageEvent({ id: '1', quantity: 3 }) },
    { value: usageEvent({ id: '2', quantity: 4 }) }, // Without a key: in any lane.
    ...[0, 5, 11].map((partition) => ({
      partition,
      value: usageEvent({ id: '3', quantity: 5, tenant: 'b', unit: 'storage_gb_day' }),
    })),
    { key: 'acme', value: usageEvent({ id: '4', unit: 'phone_call' }) },
    { key: 'acme', value: usageEvent({ id: '5', quantity: 1.5 }) },
    { key: 'acme', value: '{"a secret": ' },
    { key: 'acme', value: usageEvent({ id: '6', quantity: 7, corrects: '2' }) },
  ];
  await send(way, usage, events);
  await meter(); // Sends strays where they belong,
  await meter(); // and reads them there.
  expect(await sums()).toEqual([
    { tenant: 'acme', unit: 'graphql_call', n: '2', used: '10' },
    { tenant: 'b', unit: 'storage_gb_day', n: '1', used: '5' },
  ]);
  const letters = await readAll(way.stack, ['dlq.meter']);
  const own = letters.filter(({ value }) => value?.includes(usage));
  const reasons = Map.groupBy(own, ({ headers }) => headers['reason']);
  expect([reasons.get('invalid-usage')?.length, reasons.get('undecodable')?.length]).toEqual([
    2, 1,
  ]);
  const text = own.map(({ value }) => value?.toString()).join();
  expect(text).toContain('data.unit is no unit');
  expect(text).toContain('data.quantity is no whole number');
  expect(text).not.toContain('a secret');
});

test('a letter of usage comes again once its unit has a price, and is counted', async () => {
  await send(way, usage, [
    { key: 'd', value: usageEvent({ id: 'later', tenant: 'd', unit: 'fax_page' }) },
  ]);
  await meter();
  const units = join(way.folder, 'more-units.yaml');
  await writeFile(
    units,
    'unit_costs: { graphql_call: 0.000002, ingest_event: 0.0001, fax_page: 0.5, storage_gb_day: { decimals: 9, price: 0.02 } }',
  );
  configFile = await way.variant((raw) => {
    raw['metering'] = { topic: usage, unitCosts: units, region: 'eu' };
  });
  const args = ['replay', 'dlq', '--pipeline', 'meter', '--reason', 'invalid-usage'];
  const replayed = await way.start(args, configFile).ended;
  expect(replayed.code, replayed.stderr).toBe(0);
  await meter();
  expect(await sums()).toContainEqual({ tenant: 'd', unit: 'fax_page', n: '1', used: '1' });
});

test('every governed change is one event of its tenant, once however often it is metered', async () => {
  await way.drain('capture'); // From here on it streams.
  await way.commit(
    'INSERT INTO lines SELECT n, 1, n % 3, 1, now() FROM generate_series(1, 30) AS n',
    'UPDATE lines SET amount = 2 WHERE person_id <= 10',
    'DELETE FROM lines WHERE person_id = 30',
  );
  await way.drain('capture', 'govern');
  await meter();
  const found = await ask(
    way,
    `SELECT tenant, operation, dataset, region, toString(sum(events)) AS n
      FROM usage_monthly WHERE unit = 'ingest_event' GROUP BY ALL ORDER BY ALL`,
  );
  const told = { dataset: `${way.name}.lines`, region: 'eu' };
  expect(found).toEqual([
    { tenant: '', operation: 'delete', n: '1', ...told }, // Its old row tells no more than the key.
    { tenant: '0', operation: 'insert', n: '10', ...told },
    { tenant: '0', operation: 'update', n: '3', ...told },
    { tenant: '1', operation: 'insert', n: '10', ...told },
    { tenant: '1', operation: 'update', n: '4', ...told },
    { tenant: '2', operation: 'insert', n: '10', ...told },
    { tenant: '2', operation: 'update', n: '3', ...told },
  ]);
  const ended = await way.start(
    ['costs', 'show', '--month', new Date().toISOString().slice(0, 7), '--by', 'unit', '--json'],
    configFile,
  ).ended;
  const { lines } = JSON.parse(ended.stdout) as {
    readonly lines: readonly { readonly unit: string; readonly nanoUsd: string }[];
  };
  expect(lines.find(({ unit }) => unit === 'ingest_event')?.nanoUsd).toBe(`${41 * 100_000}`);
});

test.for(['inserted', 'summing:2', 'summing:3'])(
  'a meter that is killed at %s leaves totals exact',
  async (failpoint) => {
    const before = await sums();
    const id = `killed at ${failpoint}`;
    await send(way, usage, [
      { key: 'c', value: usageEvent({ id, tenant: 'c', quantity: 100 }) },
      {
        key: 'c',
        value: usageEvent({ id: `${id} again`, tenant: 'c', quantity: 10, corrects: id }),
      },
    ]);
    const struck = await run({ CONDUCTOR_FAILPOINT: failpoint });
    expect(struck.signal).toBe('SIGKILL');
    await meter();
    const had = Number(before.find(({ tenant }) => tenant === 'c')?.used ?? 0);
    const has = await vi.waitFor(sums);
    expect(has.find(({ tenant }) => tenant === 'c')?.used).toBe(`${had + 10}`);
  },
);

test('what an operator types wrong is answered with what there is', async () => {
  const cases = [
    { args: ['costs', 'show', '--month', '2026-13'], says: 'for example 2026-11' },
    { args: ['costs', 'show', '--by', 'customer'], says: 'tenant, kind, unit, operation' },
  ];
  for (const { args, says } of cases) {
    const { code, stderr } = await way.start(args, configFile).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  }
  const elsewhere = await way.variant((raw) => {
    raw['metering'] = {};
    raw.sinks.clickhouse = { ...raw.sinks.clickhouse, database: 'never_metered' };
  });
  const nowhere = await way.variant((raw) => {
    raw['metering'] = {};
    raw.sinks.clickhouse = { ...raw.sinks.clickhouse, url: 'http://127.0.0.1:1' };
  });
  for (const [file, says] of [
    [elsewhere, /nothing was ever metered into never_metered\n.*\n {2}fix: {3}run the meter first/],
    [
      nowhere,
      /cannot open the ClickHouse warehouse .*127\.0\.0\.1:1.*\n.*\n {2}fix: {3}start the server/,
    ],
  ] as const) {
    const { code, stderr } = await way.start(['costs', 'show'], file).ended;
    expect([code, stderr.includes('    at ')]).toEqual([1, false]);
    expect(stderr).toMatch(says);
  }
  const without = await way.start(['run', 'meter', '--until-current']).ended;
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('add metering');
});
