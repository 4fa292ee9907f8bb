import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Counted, EndOffsets } from './end-offsets.ts';
import type { Site } from './site.ts';

/** How a topic grew: when its first new records were seen, how many those were, and when the last was there. */
export interface Growth {
  readonly firstMs: number;
  readonly firstRows: number;
  readonly lastMs: number;
  readonly rows: number;
}

const lookEveryMs = 20;
const patience = 180_000; // Without any growth.

/**
 * Watches topics until `rows` more records are in them than at the call. Where they end is what the
 * brokers have acknowledged, whoever wrote it: every contender that writes to Kafka is timed by it.
 */
export async function growthOf(
  site: Site,
  topics: readonly Counted[],
  rows: number,
  { signal, patienceMs = patience }: { readonly signal: AbortSignal; readonly patienceMs?: number },
): Promise<Growth> {
  using offsets = await EndOffsets.connect(site.stack.kafka.brokers[0] ?? '');
  const before = await offsets.total(topics);
  let first: { readonly ms: number; readonly rows: number } | null = null;
  let seen = 0;
  let movedMs = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const now = (await offsets.total(topics)) - before;
    const ms = performance.now();
    if (now > 0) first ??= { ms, rows: now };
    if (now >= rows && first)
      return { firstMs: first.ms, firstRows: first.rows, lastMs: ms, rows: now };
    if (now !== seen) movedMs = ms;
    seen = now;
    if (ms - movedMs > patienceMs)
      throw new CannotRun({
        what: `nothing has come for ${patienceMs / 1_000} s, at ${seen} of ${rows} records`,
        where: namesOf(topics),
        fix: 'look at the logs of who should have written them; they are kept',
      });
    await wait(lookEveryMs, undefined, { signal });
  }
}

/**
 * Rows per second from the first record that was seen to the last. What was there at the first sight
 * is not counted, because the time before it is not.
 */
export function rateOf({ firstMs, firstRows, lastMs, rows }: Growth): number {
  if (lastMs === firstMs)
    throw new CannotRun({
      what: `all ${rows} rows came within ${lookEveryMs} ms: too few to time`,
      where: '--rows',
      fix: 'take more of them',
    });
  return ((rows - firstRows) / (lastMs - firstMs)) * 1_000;
}

/** How many records are there now. */
export async function recordsIn({ stack }: Site, topics: readonly Counted[]): Promise<number> {
  using offsets = await EndOffsets.connect(stack.kafka.brokers[0] ?? '');
  return await offsets.total(topics);
}

/** Rejects unless exactly `rows` records are there; of a peer, who may send some twice, unless that many are. */
export async function expectRows(
  site: Site,
  topics: readonly Counted[],
  rows: number,
  doubles: 'refused' | 'allowed' = 'refused',
): Promise<void> {
  const there = await recordsIn(site, topics);
  if (there === rows || (doubles === 'allowed' && there > rows)) return;
  throw new CannotRun({
    what: `${there} records are there for ${rows} changes: ${there < rows ? 'some were lost' : 'some are there twice'}`,
    where: namesOf(topics),
    fix: 'find out why before any figure is believed; the logs are kept',
  });
}

const namesOf = (topics: readonly Counted[]) =>
  `topic ${topics.map(({ topic }) => topic).join(', ')}`;
