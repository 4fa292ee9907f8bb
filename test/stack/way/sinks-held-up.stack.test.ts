import { afterAll, beforeAll, describe, expect, onTestFailed, test, vi } from 'vitest';
import { loadConfig } from '../../../contracts/config.ts';
import { untilSettled } from '../../../ops/start/settled.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { chance } from '../sinks/lanes-of-marks.ts';
import { type OwnSinks, ownSinks } from './own-sinks.ts';
import { canMount } from './small-disk.ts';
import { verifiedEqual } from './verified-equal.ts';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

const pipelines = ['deliver-postgres', 'deliver-neo4j', 'deliver-clickhouse'];

describe.skipIf(!canMount)('sinks that take no more for a while', () => {
  let way: Way;
  let sinks: OwnSinks;
  let file: string;
  let worker: Worker;
  let health: string;
  const draw = chance(seed);

  beforeAll(async () => {
    printSeed();
    way = await openWay();
    sinks = await ownSinks(way.name);
    file = await way.variant((raw) => sinks.configure(raw));
    worker = way.start(['run', 'all'], file);
    health = await worker.running();
  });

  afterAll(async () => {
    await worker?.[Symbol.asyncDispose]();
    await sinks?.[Symbol.asyncDispose]();
    await way?.[Symbol.asyncDispose]();
  });

  let next = 1;

  /** Rows come, change and go: some megabytes, so that no store has room for them by chance. */
  async function happen(): Promise<void> {
    const [from, to] = [next, (next += 100 + draw(100)) - 1];
    const one = () => from + draw(to - from);
    await way.commit(
      `INSERT INTO people SELECT n, 7, n, 'n', 'e', 'p', 'm', repeat('bio', 5000) FROM generate_series(${from}, ${to}) n`,
      `INSERT INTO lines SELECT n, 1, 7, n, now(), repeat('note', 2000) FROM generate_series(${from}, ${to}) n`,
      `INSERT INTO marks SELECT n, 7, n FROM generate_series(${from}, ${to}) n`,
    );
    await way.commit(
      `UPDATE people SET mood = 'other' WHERE id <= ${one()}`,
      `DELETE FROM lines WHERE person_id BETWEEN ${one()} AND ${to}`,
      `UPDATE lines SET amount = amount + 1 WHERE person_id < ${one()}`,
    );
  }

  async function settled(): Promise<void> {
    const signal = AbortSignal.timeout(120_000);
    const config = await loadConfig(file);
    await untilSettled(config, way.contracts, { report: () => {}, signal });
  }

  async function retries(): Promise<readonly number[]> {
    const text = await (await fetch(`${health}/metrics`)).text();
    return pipelines.map((pipeline) => {
      const line = new RegExp(`^conductor_retries_total\\{pipeline="${pipeline}"\\} (\\d+)$`, 'm');
      return Number(line.exec(text)?.[1]);
    });
  }

  /** Others keep letters in the same index. */
  async function ownLetters(): Promise<readonly object[]> {
    const { stdout } = await way.start(['dlq', 'list', '--json'], file).ended;
    const { letters } = JSON.parse(stdout) as { readonly letters: readonly object[] };
    return letters.filter((letter) => JSON.stringify(letter).includes(way.name));
  }

  test.each([
    ['their disks are full', 'full'],
    ['they let nobody write', 'readOnly'],
  ] as const)(
    'when %s, deliver waits, no change becomes a dead letter, and all arrives by itself at last',
    async (_, trouble) => {
      onTestFailed(() => void process.stderr.write(worker.stderr.slice(-12_000)));
      await happen();
      await settled();
      const before = await retries();
      await sinks[trouble].begin();
      await happen();
      await vi.waitFor(
        async () => {
          const now = await retries();
          for (const [at, count] of now.entries())
            expect(count, pipelines[at]).toBeGreaterThan((before[at] ?? 0) + 1);
          expect((await fetch(`${health}/healthz`)).status).toBe(503);
        },
        { timeout: 90_000, interval: 100 },
      );
      await happen();
      await sinks[trouble].end();
      await settled();
      await worker.running();
      expect(await ownLetters()).toEqual([]);
      await verifiedEqual(way, { configFile: file });
    },
    400_000,
  );
});
