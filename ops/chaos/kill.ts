import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { type Comparison, printComparison } from '../demo/compare.ts';
import { seeded } from '../demo/random.ts';
import { runTraffic } from '../demo/traffic.ts';
import { compareAll } from '../start/demo.ts';
import { type PipelineName, pipelinesNamed } from '../worker/pipelines.ts';
import { releasedTwice } from './released-twice.ts';
import { Victims } from './victims.ts';

/** Where workers are killed: a shop whose changes take the whole way. */
export interface Scene {
  readonly home: string;
  readonly configFile: string;
  readonly config: Config;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly shopUrl: string;
}

export interface Killing {
  readonly seed: number;
  readonly kills: number;
  readonly changesPerMinute: number;
  readonly victims: readonly PipelineName[];
}

export interface Killed {
  readonly kills: readonly { readonly pipeline: PipelineName; readonly afterMs: number }[];
  readonly changes: number; // Committed meanwhile.
  readonly released: number; // All that is in `gov.*`.
  readonly releasedTwice: number;
  /** Workers that ended though nobody killed them. */
  readonly fell: readonly PipelineName[];
  readonly comparison: Comparison;
}

const shortestMs = 500;
const longestMs = 6_000;
const atOnceMs = 1_500; // Who is due sooner is killed wherever it is, starting up included.

/**
 * `kill -9` of one worker after the other at random moments of its work, each started again at once;
 * then the traffic stops, all is drained, and every sink is held against the source, row by row.
 * The seed decides who is killed and when; what they were doing then is up to the machine.
 */
export async function killWorkers(
  { home, configFile, config, contracts, shopUrl }: Scene,
  { seed, kills, changesPerMinute, victims }: Killing,
  print: (line: string) => void,
): Promise<Killed> {
  const random = seeded(seed);
  const pipelines = pipelinesNamed('all', config, contracts.values()) ?? [];
  const chosen = victims.filter((pipeline) => pipelines.includes(pipeline));
  const [first = 'capture', ...rest] = chosen;
  const stop = new AbortController();
  const done: { pipeline: PipelineName; afterMs: number }[] = [];
  const fell: PipelineName[] = [];
  const workers = new Victims(home, configFile);
  let traffic: ReturnType<typeof runTraffic> | undefined;
  try {
    await workers.drain('capture'); // Makes the slot, so that nothing of the traffic is before it.
    for (const pipeline of pipelines) workers.start(pipeline);
    traffic = runTraffic(shopUrl, { changesPerMinute, signal: stop.signal, seed });
    while (done.length < kills) {
      const afterMs = shortestMs + random.below(longestMs - shortestMs);
      const pipeline = random.pick([first, ...rest]);
      if (afterMs > atOnceMs) await workers.working(pipeline);
      await Promise.race([wait(afterMs), traffic]);
      for (const ended of workers.ended()) {
        fell.push(ended);
        print(`fell       ${ended} had ended by itself; started again`);
        workers.start(ended);
      }
      await workers.kill(pipeline);
      workers.start(pipeline);
      done.push({ pipeline, afterMs });
      print(`kill -9    ${done.length}/${kills} ${pipeline} after ${afterMs} ms`);
    }
    await wait(shortestMs);
  } finally {
    stop.abort();
    await traffic?.catch(() => {});
    await workers[Symbol.asyncDispose]();
  }
  const { inserts, updates, deletes } = await traffic;
  for (const pipeline of pipelines) await workers.drain(pipeline);
  const comparison = await compareAll(config, contracts);
  const counts = await releasedTwice(config, [...contracts.keys()]);
  return { kills: done, changes: inserts + updates + deletes, ...counts, fell, comparison };
}

/** Whether no row was lost, none doubled, and nobody fell who was not pushed. */
export const survived = ({ comparison, releasedTwice: doubles, fell }: Killed): boolean =>
  comparison.equal && doubles === 0 && fell.length === 0;

export function printKilled(killed: Killed, print: (line: string) => void): void {
  const { changes, released, releasedTwice: doubles, fell, kills, comparison } = killed;
  print(`killed     ${kills.length} workers while ${changes} changes were committed`);
  print(`released   ${released} changes in gov.*, ${doubles} of them twice`);
  if (fell.length > 0) print(`fell       ${fell.join(', ')} ended without being killed`);
  printComparison(comparison, print);
}
