import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import type { Lag } from '../../../ops/lag.ts';
import { visits } from '../anonymity/visits.ts';
import { countOf } from './records.ts';
import { openWay, type Way } from './way.ts';

let way: Way;
let configFile: string;
const rows = 30;

beforeAll(async () => {
  const dp = {
    epsilon: 1,
    window: 1,
    tenants: ['1'],
    contribution: { windows: 100, rows: 100 },
    queries: [{ name: 'visits', kind: 'count' }],
  };
  way = await openWay([{ ...visits(), dp }]);
  configFile = await way.variant(({ source, sinks }) => {
    source['heartbeat'] = 1;
    sinks.postgres['consistency'] = 'transactions';
  });
  await drain('capture', 'govern', 'anonymise', 'noise', 'transactions', 'deliver');
  await way.commit(
    `INSERT INTO visits SELECT n, 1, n, 'JP', n, 'well', n FROM generate_series(1, ${rows}) AS n`,
  );
  await drain('capture');
}, 180_000);

afterAll(() => way?.[Symbol.asyncDispose]());

async function drain(...pipelines: readonly string[]): Promise<void> {
  for (const pipeline of pipelines) {
    const { code, stderr } = await way.start(['run', pipeline, '--until-current'], configFile)
      .ended;
    expect(code, stderr).toBe(0);
  }
}

async function behind(): Promise<Readonly<Record<string, number>>> {
  const { code, stdout, stderr } = await way.start(['lag', '--json'], configFile).ended;
  expect(code, stderr).toBe(0);
  const { stages } = JSON.parse(stdout) as Lag;
  return Object.fromEntries(stages.map(({ pipeline, changes }) => [pipeline, changes]));
}

test('what nobody has told as transactions yet is behind that, and what was told behind the mirror that waits for it', async () => {
  await drain('govern');
  expect(await behind()).toMatchObject({
    govern: 0,
    transactions: rows,
    'deliver-postgres': rows,
    'deliver-neo4j': rows,
  });
  await drain('transactions');
  expect(await behind()).toMatchObject({ transactions: 0, 'deliver-postgres': rows + 1 });
  await drain('deliver');
  expect(await behind()).toMatchObject({ transactions: 0, 'deliver-postgres': 0 });
}, 120_000);

test('what waits for its window to be closed is behind anonymise and noise, whose windows do', async () => {
  const topic = changesTopic(way.name, `${way.name}.visits`);
  const waits = await behind();
  expect(waits['anonymise']).toBeGreaterThanOrEqual(rows);
  expect(waits['noise']).toBeGreaterThanOrEqual(rows);
  await using worker = way.start(['run', 'capture', 'anonymise', 'noise'], configFile);
  await worker.running();
  await vi.waitFor(
    async () => {
      const written = await countOf(way.stack, [topic]);
      const { anonymise = 0, noise = 0 } = await behind();
      expect(written - anonymise).toBeGreaterThanOrEqual(rows);
      expect(written - noise).toBeGreaterThanOrEqual(rows);
    },
    { timeout: 60_000, interval: 500 },
  );
}, 120_000);
