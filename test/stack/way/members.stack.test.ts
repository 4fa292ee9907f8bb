import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

const rows = (from: number) =>
  `INSERT INTO marks SELECT n, 7, n FROM generate_series(${from}, ${from + 4_999}) AS n`;

/** Until a worker has settled something: the group has given it lanes. */
async function busy(worker: Worker, pipeline: string): Promise<void> {
  const url = await worker.running();
  const settled = new RegExp(`conductor_settled_total\\{pipeline="${pipeline}"\\} [1-9]`);
  await vi.waitFor(
    async () => expect(await (await fetch(`${url}/metrics`)).text()).toMatch(settled),
    { timeout: 40_000, interval: 100 },
  );
}

test('workers that join a group, die in it and leave it lose no change and double none in a sink', async () => {
  const pipelines = ['govern', 'deliver-postgres'] as const;
  const start = () => pipelines.map((pipeline) => way.start(['run', pipeline]));
  await using capture = way.start(['run', 'capture']);
  await capture.running();
  await way.commit(rows(1));
  const first = start();
  await Promise.all(first.map((worker, n) => busy(worker, pipelines[n] ?? '')));

  const second = start();
  for (const worker of second) await worker.running();
  await way.commit(rows(10_001));
  await way.commit(rows(20_001));
  await Promise.all(second.map((worker, n) => busy(worker, pipelines[n] ?? '')));

  await way.commit(rows(30_001));
  for (const worker of first) worker.kill('SIGKILL');
  await way.commit(rows(40_001), 'UPDATE marks SET n = n + 1');
  for (const worker of second) await worker[Symbol.asyncDispose]();

  await capture[Symbol.asyncDispose]();
  await way.drain();
  const comparison = await way.compare();
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  expect(comparison.tables.find(({ table }) => table.endsWith('marks'))?.sourceRows).toBe(25_000);
});
