import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seeded } from '../../../ops/demo/random.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { type Judge, judgeOf } from './judge.ts';
import { printSeed, seed as chosen } from './seed.ts';
import { faultTables } from './tables.ts';
import { type Writer, writerTo } from './workload.ts';

const rounds = Number(process.env['CONDUCTOR_ROUNDS'] ?? 1);
const kills = Number(process.env['CONDUCTOR_KILLS'] ?? 4);

let way: Way;
let judge: Judge;

beforeAll(async () => {
  way = await openWay(faultTables);
  await way.drain('capture');
  judge = await judgeOf(way);
});

afterAll(() => way?.[Symbol.asyncDispose]());

const points = [
  'received',
  'delivering',
  'producing',
  'produced',
  'checkpointing',
  'checkpointed',
  'acknowledged',
] as const;

test.for(Array.from({ length: rounds }, (_, round) => chosen + round))(
  'what random sessions commit is in Kafka once after dedupe, in order, whenever capture is killed (seed %i)',
  { timeout: 60_000 * (1 + kills) },
  async (seed) => {
    printSeed(seed);
    const random = seeded(seed);
    const writers = await Promise.all(
      [0, 1, 2].map((each) =>
        writerTo(way.urls.source, { seed: seed * 100 + each, schema: way.name, ddl: each === 0 }),
      ),
    );
    let over = false;
    const writing = writers.map(async (writer: Writer) => {
      while (!over) {
        await writer.run(1);
        await wait(random.below(20)); // Sessions do not follow each other as fast as they can.
      }
    });
    try {
      for (let kill = 0; kill < kills; kill++)
        await Promise.race([killed(random.chance(0.5)), Promise.all(writing)]);
    } finally {
      over = true;
      await Promise.all(writing);
      for (const writer of writers) await writer[Symbol.asyncDispose]();
    }
    await way.drain('capture');
    const { once, compared } = await judge.judge();
    expect(once.length).toBeGreaterThan(100);
    expect(compared).toBeGreaterThan(1_000);

    async function killed(anywhere: boolean): Promise<void> {
      const point = `${random.pick(points)}:${1 + random.below(4)}`;
      const env = anywhere ? {} : { CONDUCTOR_FAILPOINT: point };
      const worker: Worker = way.start(['run', 'capture'], undefined, env);
      if (anywhere) {
        if (random.chance(0.7)) await worker.running();
        await wait(random.below(1_500));
        worker.kill('SIGKILL');
      }
      const { signal, stderr } = await worker.ended;
      expect(signal, `${anywhere ? 'anywhere' : point}: ${stderr}`).toBe('SIGKILL');
    }
  },
);
