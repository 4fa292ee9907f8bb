import { setTimeout as wait } from 'node:timers/promises';
import { sql } from '@databases/pg';
import type { Type } from 'avsc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { registryAt } from '../../../contracts/registry.ts';
import { noisyTopic } from '../../../contracts/topics.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { monthWindow } from '../../../processors/noise/months.ts';
import { NodeNoise } from '../../../processors/noise/node-noise.ts';
import { planOf } from '../../../processors/noise/plan.ts';
import type { Cells } from '../../../processors/noise/cells.ts';
import { release, type Running } from '../../../processors/noise/release.ts';
import type { Noisy } from '../../../schemas/noisy.ts';
import { schemaIdOf } from '../../../schemas/wire.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';

const kills = Number(process.env['CONDUCTOR_KILLS'] ?? 12);
const second = 1_000_000;

/** What people pay; how much is confidential. */
const payments: TestTable = {
  name: 'payments',
  ddl: [
    `CREATE TABLE payments (
      id bigint PRIMARY KEY,
      tenant_id bigint NOT NULL,
      person bigint NOT NULL,
      amount numeric(12,2) NOT NULL,
      note text)`,
    'ALTER TABLE payments REPLICA IDENTITY FULL',
  ],
  tenant: 'tenant_id',
  subject: 'person',
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('person', 'bigint'),
    { name: 'amount', physicalType: 'numeric(12,2)', rule: 'drop', classification: 'confidential' },
    keep('note', 'text'),
  ],
  relationships: [],
  dp: {
    epsilon: 4,
    window: 1,
    tenants: ['1'],
    contribution: { windows: 10_000, rows: 10_000 },
    queries: [
      { name: 'payments', kind: 'count' },
      { name: 'paid', kind: 'sum', column: 'amount', bounds: [0, 100] },
    ],
  },
};

let way: Way;
let configFile: string;

beforeAll(async () => {
  way = await openWay([payments]);
  configFile = await way.variant((config) => {
    config.source['heartbeat'] = 1;
    config.source['lingerMs'] = 1;
  });
  await drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

const run = (pipeline: string, failpoint?: string): Worker =>
  way.start(
    ['run', pipeline],
    configFile,
    failpoint === undefined ? {} : { CONDUCTOR_FAILPOINT: failpoint },
  );

async function drain(pipeline: string): Promise<void> {
  const { code, stderr } = await way.start(['run', pipeline, '--until-current'], configFile).ended;
  expect(code, stderr).toBe(0);
}

/** Payments come, are changed and are taken back; people of another tenant pay, too. */
function traffic() {
  const random = seeded(seed);
  let next = 0;
  const row = () =>
    `(${++next}, ${random.chance(0.1) ? 2 : 1}, ${random.below(40)}, ${random.below(20_000)}::numeric / 100)`;
  return {
    random,
    some: () => {
      if (next > 20 && random.chance(0.2))
        return `UPDATE payments SET amount = amount + 1 WHERE id % 10 = ${random.below(10)}`;
      if (next > 20 && random.chance(0.2))
        return `DELETE FROM payments WHERE id % 12 = ${random.below(12)}`;
      const rows = Array.from({ length: 1 + random.below(10) }, row);
      return `INSERT INTO payments VALUES ${rows.join(', ')}`;
    },
  };
}

/** All that was published, in the order of windows; each value once, however often it was sent. */
async function published() {
  const plan = planOf(way.name, way.contracts.get(`${way.name}.payments`)!)!;
  const records = await readAll(way.stack, [noisyTopic(plan.dataset)]);
  const registry = registryAt(way.config.registry.url);
  const values = new Map<string, Noisy>();
  const bytes = new Map<string, string>();
  for (const { key, value, headers, timestamp } of records) {
    const id = schemaIdOf(value!)!;
    await registry.learn([id]);
    const read = readNoisy(registry.type(id)!, value!);
    const name = `${read.from} ${read.to} ${key?.toString()}`;
    expect(headers).toEqual({});
    expect(Number(timestamp)).toBe(read.to / 1_000); // No time but that of its window.
    expect(bytes.get(name) ?? value!.toString('hex'), name).toBe(value!.toString('hex'));
    bytes.set(name, value!.toString('hex'));
    values.set(name, read);
  }
  return {
    plan,
    values: [...values.values()].toSorted((a, b) => a.to - b.to),
    sent: records.length,
  };
}

function readNoisy(type: Type, value: Buffer): Noisy {
  const read = type.fromBuffer(value.subarray(5)) as Noisy & { from: bigint; to: bigint };
  return { ...read, from: Number(read.from), to: Number(read.to) };
}

/** What would have been published, had nothing ever come: the noise alone. */
async function noiseOf({ plan, values }: Awaited<ReturnType<typeof published>>) {
  await using keyring = await openKeyring(way.config.keyring);
  const nodes = new NodeNoise(keyring.tokenKey(`conductor.dp/${plan.dataset}`));
  const windows = values.filter(({ span, query }) => span === 'window' && query === 'payments');
  const noise = new Map<string, number>();
  for (const planned of plan.queries) {
    let running: Running | null = null;
    for (const { from } of windows) {
      const sums: Cells = [[0n]];
      const out = release({ plan, planned, nodes }, running, {
        window: monthWindow(from, 1),
        tenant: '1',
        sums,
      });
      running = out.running;
      for (const { query, span, to, value } of out.values)
        noise.set(`${query} ${span} ${to}`, Number(value));
    }
  }
  return { windows, noise };
}

/** How many payments of the tenant there are now, and how much was paid, no payment counting for more than 100. */
async function truth() {
  const [row] = (await way.source.query(sql`
    SELECT count(*)::int AS count, coalesce(sum(least(amount, 100)), 0)::float8 AS paid
    FROM payments WHERE tenant_id = 1`)) as readonly { count: number; paid: number }[];
  return row!;
}

test(
  `every window is published once, whole and with its one noise, across ${kills} kills under load (seed ${seed})`,
  { timeout: 120_000 + kills * 20_000 },
  async () => {
    printSeed();
    const { random, some } = traffic();
    let over = false;
    const writing = (async () => {
      while (!over) {
        await way.commit(some());
        await wait(random.below(30)); // Sessions do not follow each other as fast as they can.
      }
    })();
    const failpoints = ['deciding', 'decided', 'sent'] as const;
    let capture = run('capture');
    try {
      for (let kill = 0; kill < kills; kill++) {
        const failpoint = failpoints[kill % 4];
        const worker = run('noise', failpoint && `${failpoint}:${1 + random.below(2)}`);
        if (!failpoint) {
          await worker.running();
          await Promise.race([wait(random.below(2_500)), writing]);
          worker.kill('SIGKILL');
          capture.kill('SIGKILL');
          await capture.ended;
          capture = run('capture');
        }
        const { signal, stderr } = await worker.ended;
        expect(signal, stderr).toBe('SIGKILL');
      }
      await capture.running();
    } finally {
      over = true;
      await writing;
      await capture[Symbol.asyncDispose]();
    }
    await wait(1_100); // The log's time is to pass the end of the last window,
    await way.commit('INSERT INTO payments VALUES (1000000, 2, 1, 1)'); // and somebody is to tell.
    await drain('capture');
    await drain('noise');

    const out = await published();
    const { windows, noise } = await noiseOf(out);
    expect(out.sent).toBeGreaterThan(out.values.length); // Something was sent twice, as it was.
    expect(windows.map(({ from }) => from)).toEqual(
      windows.map((_, at) => (windows[0]?.from ?? 0) + at * second),
    );
    expect(out.values).toHaveLength(windows.length * 2 * 3);
    const exact = ({ query, span, to, value }: Noisy) =>
      Number(value) - (noise.get(`${query} ${span} ${to}`) ?? Number.NaN);
    const added = (query: string) =>
      out.values
        .filter((value) => value.query === query && value.span === 'window')
        .reduce((sum, value) => sum + exact(value), 0);
    const total = (query: string) =>
      exact(out.values.findLast((value) => value.query === query && value.span === 'total')!);
    const { count, paid } = await truth();
    expect(count).toBeGreaterThan(100);
    expect([added('payments'), total('payments')]).toEqual([count, count]);
    expect(added('paid')).toBeCloseTo(paid, 1);
    expect(total('paid')).toBeCloseTo(paid, 1);
  },
);

describe('conductor privacy budget', () => {
  const ask = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await way.start(['privacy', 'budget', ...args]).ended;
    expect(code, stderr).toBe(0);
    return stdout;
  };

  test('tells what is spent and what is left', async () => {
    const dataset = `${way.name}.${way.name}.payments`;
    const text = await ask('--dataset', dataset);
    expect(text).toMatch(/^month +dataset +tenant +ε +noise +spent +left +windows withheld\n/);
    expect(text).toMatch(/ 1 +4 +laplace +100\.0 % +0\.0 % +0\n/);
    const { budgets } = JSON.parse(await ask('--json')) as { budgets: readonly object[] };
    expect(budgets[0]).toMatchObject({ dataset, tenant: '1', epsilon: 4, spentShare: 1 });
    expect(await ask('--month', '1999-01')).toBe('nothing is spent yet\n');
  });
});
