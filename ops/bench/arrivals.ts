import { CannotRun } from '../../contracts/cannot-run.ts';
import { TopicSource } from '../../pipelines/topic/source.ts';
import { setTimeout as wait } from 'node:timers/promises';
import type { CaptureConfig } from './capture-config.ts';
import type { Site } from './site.ts';

/** When the records of rows 1 to n were read from Kafka, in milliseconds of the machine's clock. */
export interface Arrivals extends AsyncDisposable {
  /** Resolves with the time of each row, the first at 0, once all have come. */
  all(patienceMs: number): Promise<Float64Array>;
}

/**
 * Reads what capture writes as any consumer would, and notes when it came. A record can be read once the
 * brokers have acknowledged it, so that what is noted is never before the acknowledgement.
 */
export async function readArrivals(
  { stack, signal }: Site,
  { topics }: CaptureConfig,
  rows: number,
): Promise<Arrivals> {
  const stop = new AbortController();
  const source = new TopicSource({
    kafka: { clientId: 'bench', bootstrapBrokers: [...stack.kafka.brokers] },
    group: 'bench-arrivals',
    topics: topics.map(({ topic }) => topic),
    until: null,
    prepare: () => Promise.resolve(),
    assigned: () => Promise.resolve(),
    lost: () => {},
  });
  const at = new Float64Array(rows);
  const state = { left: rows };
  const nowMs = machineClock();
  const read = async () => {
    const reading = {
      signal: AbortSignal.any([signal, stop.signal]),
      revoked: () => {},
      quiet: () => Promise.resolve(),
    };
    for await (const { values } of source.read(reading)) {
      const ms = nowMs();
      for (const { key } of values) {
        const row = rowOf(key);
        if (row < 1 || row > rows || at[row - 1] !== 0) continue;
        at[row - 1] = ms;
        state.left--;
      }
    }
  };
  const reading = read();
  reading.catch(() => {}); // Whoever waits for the rows is told.
  return {
    async all(patienceMs) {
      const deadline = performance.now() + patienceMs;
      while (state.left > 0) {
        if (performance.now() > deadline) throw missing(state.left, rows);
        await Promise.race([wait(20, undefined, { signal }), reading]);
      }
      return at;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reading.catch(() => {});
      await source[Symbol.asyncDispose]();
    },
  };
}

/** The row that a record is of: its key is the JSON of the column `id`. */
export const rowOf = (key: Buffer | null): number =>
  Number(/"id":"?(\d+)/.exec(key?.toString() ?? '')?.[1] ?? 0);

/** A clock that tells the time of day as the servers do, in fractions of a millisecond. */
function machineClock(): () => number {
  const edge = Date.now();
  let now = edge;
  while (now === edge) now = Date.now();
  const ahead = now - performance.now();
  return () => performance.now() + ahead;
}

function missing(left: number, rows: number) {
  return new CannotRun({
    what: `${left} of ${rows} rows have not come`,
    where: 'the topic of the orders',
    fix: 'find out why before any figure is believed; the logs are kept',
  });
}
