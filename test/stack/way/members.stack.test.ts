import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { verifiedEqual } from './verified-equal.ts';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

let fed = 0;

async function feed(rows: number): Promise<void> {
  await way.commit(
    `INSERT INTO marks SELECT n, 7, n FROM generate_series(${fed + 1}, ${fed + rows}) AS n`,
  );
  fed += rows;
}

/** Feeds until a worker has settled something: the group has given it lanes. */
async function busy(worker: Worker, pipeline: string): Promise<void> {
  const url = await worker.running();
  const settled = new RegExp(`conductor_settled_total\\{pipeline="${pipeline}"\\} [1-9]`);
  const works = async () => {
    await feed(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(settled);
  };
  await vi.waitFor(works, { timeout: 60_000, interval: 100 });
}

test('workers that join a group, die in it and leave it lose no change and double none in a sink', async () => {
  const pipelines = ['govern', 'deliver-postgres'] as const;
  const start = () => pipelines.map((pipeline) => way.start(['run', pipeline]));
  const allBusy = async (workers: readonly Worker[]) => {
    for (const [n, worker] of workers.entries()) await busy(worker, pipelines[n] ?? '');
  };
  await using capture = way.start(['run', 'capture']);
  await capture.running();
  const first = start();
  await allBusy(first);
  const second = start();
  await allBusy(second);

  await feed(5_000);
  for (const worker of first) worker.kill('SIGKILL');
  await feed(5_000);
  await way.commit('UPDATE marks SET n = n + 1');
  for (const worker of second) await worker[Symbol.asyncDispose]();

  await capture[Symbol.asyncDispose]();
  await way.drain();
  const comparison = await way.compare();
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  expect(comparison.tables.find(({ table }) => table.endsWith('marks'))?.sourceRows).toBe(fed);
  await verifiedEqual(way);
});
