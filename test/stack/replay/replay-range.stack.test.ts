import { setTimeout as wait } from 'node:timers/promises';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadDemo } from '../../../ops/demo/load.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { runTraffic } from '../../../ops/demo/traffic.ts';
import { untilSettled } from '../../../ops/start/settled.ts';
import { sinkNames, type SinkName } from '../../../ops/worker/sink-names.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { openShop } from '../way/shop.ts';
import type { Way } from '../way/way.ts';
import type { Ended, Worker } from '../way/worker.ts';
import { damage } from './damage.ts';

let way: Way;
let worker: Worker;

beforeAll(async () => {
  way = await openShop();
  await loadDemo(way.urls.source, { changes: 3_000, seed });
  await way.drain();
  worker = way.start(['run', 'capture', 'govern', 'deliver']);
  await settled();
}, 480_000);

afterAll(() => way?.[Symbol.asyncDispose]());

async function settled(): Promise<void> {
  const signal = AbortSignal.timeout(240_000);
  await untilSettled(way.config, way.contracts, { report: () => {}, signal });
}

/** How a sink differs from the source, of all tables; nothing where it does not. */
async function differences(sink: SinkName) {
  const store = { postgres: 'mirror', neo4j: 'graph', clickhouse: 'warehouse' }[sink];
  const { tables } = await way.compare();
  return tables.flatMap(({ table, stores }) =>
    stores
      .filter((each) => each.store === store || each.store === sink)
      .filter(({ missing, extra, different }) => missing + extra + different > 0)
      .map((each) => ({ table, ...each })),
  );
}

/** Resolves once a replay has begun, or has come on. */
async function begun(replay: Worker, hasToMove: boolean): Promise<null> {
  const before = await written();
  await vi.waitFor(
    async () => {
      expect(replay.stderr).toMatch(/replay \d+ into/);
      if (hasToMove) expect(await written()).not.toEqual(before);
    },
    { timeout: 60_000, interval: 50 },
  );
  return null;
}

async function written(): Promise<readonly object[]> {
  const there = await way.state.query(sql`SELECT to_regclass('conductor_range_replays') AS name`);
  if (there[0]?.name === null) return [];
  return await way.state.query(
    sql`SELECT id::int, written::int FROM conductor_range_replays ORDER BY conductor_range_replays.id`,
  );
}

/** How a command ended, if it did in that time. */
async function within(replay: Worker, ms: number): Promise<Ended | null> {
  const late = new AbortController();
  const killing = wait(ms, null, { signal: late.signal }).catch(() => null);
  const ended = await Promise.race([replay.ended, killing]);
  late.abort();
  return ended;
}

const orders = () => `${way.name}.orders`;

/** Has the shop live while something happens. */
async function beside<T>(work: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const { signal } = stop;
  const traffic = runTraffic(way.urls.source, { changesPerMinute: 6_000, signal, seed });
  try {
    return await work();
  } finally {
    stop.abort();
    await traffic;
  }
}

/** Runs a command until it has ended by itself, killed at random moments before; how often it went on with something. */
async function killedOften(args: readonly string[]) {
  const random = seeded(seed);
  const kills: number[] = [];
  let goneOn = 0;
  for (let round = 0; ; round++) {
    // Some at a slow pace, to be met while they fill; some not, to be met while they put it in place.
    const isSlow = round < 3;
    const replay = way.start([...args, ...(isSlow ? ['--rate', '200'] : [])]);
    const end = await Promise.race([replay.ended, begun(replay, isSlow)]);
    const afterMs = random.below(1_500);
    const ended = end ?? (round < 5 ? await within(replay, afterMs) : await replay.ended);
    if (/goes on/.test(replay.stderr)) goneOn++;
    if (ended) {
      process.stderr.write(`killed after ${kills.join(', ')} ms\n`);
      return { ended, goneOn };
    }
    replay.kill('SIGKILL');
    kills.push(afterMs);
    await replay.ended;
  }
}

test.for(sinkNames)(
  'a table of %s that was damaged by hand is rebuilt while the shop goes on, killed at random moments',
  { timeout: 580_000 },
  async (sink) => {
    printSeed();
    await settled();
    expect(await differences(sink)).toEqual([]);
    await damage[sink](way);
    const damaged = (await differences(sink)).map(({ table }) => table);
    expect(damaged).toContain(orders());

    // What others point to it by is theirs: a graph is rebuilt whole.
    const stream = sink === 'neo4j' ? [] : ['--stream', orders()];
    const { ended, goneOn } = await beside(() =>
      killedOften(['replay', 'range', ...stream, '--into', sink, '--json']),
    );
    expect(ended.code, ended.stderr).toBe(0);
    expect(goneOn).toBeGreaterThan(0);
    const { replays } = JSON.parse(ended.stdout) as {
      readonly replays: readonly { readonly table: string }[];
    };
    expect(replays.find(({ table }) => table === orders())).toMatchObject({
      sink,
      range: 'all',
      refused: {},
    });
    await settled();
    expect(await differences(sink)).toEqual([]);
    await worker.running();
  },
);
