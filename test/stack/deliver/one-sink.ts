import { readFile } from 'node:fs/promises';
import { expect, vi } from 'vitest';
import { type Config, loadConfig } from '../../../contracts/config.ts';
import { untilSettled } from '../../../ops/start/settled.ts';
import { compareAll } from '../../../ops/start/demo.ts';
import type { SinkName } from '../../../ops/worker/sink-names.ts';
import type { RawConfig, Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';

/** One sink of a way, by itself: its worker's configuration, and how to know that it has all there is. */
export interface OneSink {
  readonly sink: SinkName;
  readonly config: Config;
  start(more?: Readonly<Record<string, string>>, file?: string): Worker;
  /** Another configuration of its worker. */
  variant(change: (raw: RawConfig) => void): Promise<string>;
  /** Inserts rows, and changes and takes away some of those before. */
  feed(rows: number): Promise<void>;
  /** Resolves once the sink has all that is committed, and holds it against the source. */
  equal(): Promise<void>;
}

let fed = 0;

/** The sink of a way whose capture and govern run. */
export async function oneSink(way: Way, sink: SinkName): Promise<OneSink> {
  const only = (raw: RawConfig) => {
    Object.assign(raw, { sinks: { [sink]: raw.sinks[sink] } });
  };
  const file = await way.variant(only);
  const config = await loadConfig(file);
  return {
    sink,
    config,
    start: (more = {}, at = file) => way.start(['run', `deliver-${sink}`], at, more),
    variant: (change) =>
      way.variant((raw) => {
        only(raw);
        change(raw);
      }),
    async feed(rows) {
      const from = fed + 1;
      fed += rows;
      await way.commit(
        `INSERT INTO people SELECT n, 7, n, 'n', 'e', 'p', 'm', repeat('b', 3000) FROM generate_series(${from}, ${fed}) AS n`,
        `INSERT INTO lines SELECT n, 1, 7, n, now(), NULL FROM generate_series(${from}, ${fed}) AS n`,
        `UPDATE people SET mood = 'at ${from}' WHERE id > ${from - rows} AND id % 3 = 0`,
        `DELETE FROM lines WHERE person_id > ${from - rows} AND person_id % 5 = 0`,
        `UPDATE lines SET person_id = person_id - 1 WHERE person_id > ${from - rows} AND person_id % 7 = 0 AND no = 1`,
      );
    },
    async equal() {
      const signal = AbortSignal.timeout(240_000);
      await untilSettled(config, [...way.contracts.keys()], { report: () => {}, signal });
      const comparison = await compareAll(config, way.contracts);
      expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
    },
  };
}

/** Resolves once the process has stopped itself, as a debugger would stop it. */
export async function stopped({ pid }: Worker): Promise<void> {
  await vi.waitFor(
    async () => expect((await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.[0]).toBe('T'),
    { timeout: 60_000, interval: 50 },
  );
}

/** Resolves once a worker runs, however busy the machine is. */
export const runs = (worker: Worker | null | undefined): Promise<string | undefined> =>
  vi.waitFor(async () => worker?.running(), { timeout: 240_000, interval: 100 });
