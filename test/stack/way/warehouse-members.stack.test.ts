import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { chance } from '../sinks/lanes-of-marks.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { testTables } from './tables.ts';
import { verifiedEqual } from './verified-equal.ts';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay(testTables.filter(({ name }) => name === 'marks'));
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

async function asking<T>(ask: (client: ClickHouseClient) => Promise<T>): Promise<T> {
  const { url, user, password } = way.stack.clickhouse;
  const client = createClient({ url, username: user, password });
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

let fed = 0;

async function feed(rows: number): Promise<void> {
  await way.commit(
    `INSERT INTO marks SELECT n, 7, n FROM generate_series(${fed + 1}, ${fed + rows}) AS n`,
  );
  fed += rows;
}

test('workers of the warehouse that join a group, die in it, stop and go on, double no change and lose none', async () => {
  printSeed();
  const draw = chance(seed);
  await way.drain('govern', 'deliver-clickhouse');
  const history = `\`${way.name}\`.\`${way.name}_marks_history\``;
  // What rests twice is then seen for ever.
  await asking((client) => client.command({ query: `SYSTEM STOP MERGES ${history}` }));
  await using capture = way.start(['run', 'capture']);
  await using govern = way.start(['run', 'govern']);
  await Promise.all([capture.running(), govern.running()]);

  const group: Worker[] = [];
  const rest = async (more: number) => {
    const before = await counted();
    await feed(more);
    await vi.waitFor(
      async () => expect(Number((await counted())['rows'])).toBeGreaterThan(Number(before['rows'])),
      { timeout: 60_000, interval: 200 },
    );
  };
  const counted = () =>
    asking(async (client) => {
      const answer = await client.query({
        query: `SELECT toString(count()) AS rows, toString(uniqExact(_lane, _offset)) AS places,
          toString(uniqExact(_timeline, _lsn, _seq, _part)) AS positions FROM ${history}`,
        format: 'JSONEachRow',
      });
      return (await answer.json<Record<string, string>>())[0]!;
    });
  const join = () => {
    const worker = way.start(['run', 'deliver-clickhouse']);
    group.push(worker);
    return worker.running();
  };
  await join();
  await rest(500);
  for (let round = 0; round < 4; round++) {
    await Promise.all([join(), feed(2_000)]);
    const victim = group.splice(draw(group.length), 1)[0]!;
    await feed(1_000);
    victim.kill(draw(2) === 0 ? 'SIGKILL' : 'SIGTERM');
    await rest(1_000);
  }
  const zombie = group[0]!;
  zombie.kill('SIGSTOP'); // Until its group has given it up, and others have its lanes.
  await join();
  await rest(2_000);
  zombie.kill('SIGCONT');
  await rest(2_000);
  await way.commit('UPDATE marks SET n = n + 1');
  for (const worker of group) await worker[Symbol.asyncDispose]();
  await capture[Symbol.asyncDispose]();
  await govern[Symbol.asyncDispose]();
  await way.drain('capture', 'govern', 'deliver-clickhouse');
  const all = `${fed * 2}`;
  expect(await counted()).toEqual({ rows: all, places: all, positions: all });
  await verifiedEqual(way, { sink: 'clickhouse' });
}, 400_000);
