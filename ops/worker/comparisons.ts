import { execFile } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from '../../pipelines/backfill/runs.ts';
import type { Compared } from '../../pipelines/compare/compare.ts';
import { log } from '../log.ts';
import type { Prepared } from '../../pipelines/wal/prepare.ts';
import type { Setting } from './setting.ts';

/** One after the other, whatever a worker captures: each takes a processor for as long as it lasts. */
let turn: Promise<void> = Promise.resolve();

/**
 * Holds tables against their topics once they are copied, as `conductor backfill --compare` does: in a process
 * of its own and of the lowest priority, for a topic is decoded there, and the stream is not to wait for it.
 */
export class Comparisons implements AsyncDisposable {
  readonly #setting: Setting;
  readonly #stop = new AbortController();
  readonly #standby: boolean;
  #running: Promise<unknown> = Promise.resolve();

  constructor(setting: Setting, { standby }: Pick<Prepared, 'standby'>) {
    this.#setting = setting;
    this.#standby = standby;
  }

  /**
   * Told of a copy that is done. A batch ends before its stream comes to where the table is looked at, a standby
   * does not tell what its snapshots see, and without what was replicated to the source they differ soon.
   */
  copied({ table, condition, rows }: Pick<Run, 'table' | 'condition' | 'rows'>): void {
    const { config, contracts, untilCurrent } = this.#setting;
    const { compareRows: most, origin } = config.source;
    if (most === 0 || untilCurrent || this.#standby || origin === 'none') return;
    if (condition !== null || contracts.get(table)?.key.length === 0) return;
    if (rows > most) {
      log.info(
        { table, rows, fix: fixOf(table) },
        'the copy is not compared: source.compareRows is less',
      );
      return;
    }
    turn = turn.then(() => this.#compare(table));
  }

  /** Ends what runs: who stops compares no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #compare(table: string): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const { configFile, counters } = this.#setting;
    const running = compareApart(configFile, table, signal);
    this.#running = running;
    const ended = await running;
    if (signal.aborted) return;
    if (typeof ended === 'string') {
      log.warn({ table, error: ended, fix: fixOf(table) }, 'the copy could not be compared');
      return;
    }
    const { equal, source, missing, extra, different, withheld } = ended;
    counters.compared(table, !isWrong(ended));
    if (equal) log.info({ table, ...source }, 'the copy is equal, by counts and checksums');
    else if (isWrong(ended))
      log.warn(
        { table, missing, extra, different, withheld, fix: fixOf(table) },
        'the table and its topic differ: look which keys they are, then copy it again with conductor backfill',
      );
  }
}

/** Whether the topic has a table otherwise than it is. Behind a row filter, what is extra may be another capture's. */
export const isWrong = ({ filtered, missing, extra, different }: Compared): boolean =>
  missing + different + (filtered ? 0 : extra) > 0;

const fixOf = (table: string): string => `conductor backfill --compare --table ${table}`;

/** As this file is: source in a checkout, compiled in a package. */
const cli = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));

/** What came of it, or why nothing did. It is noted in `cdc_backfills` there. */
function compareApart(
  configFile: string,
  table: string,
  signal: AbortSignal,
): Promise<Compared | string> {
  const args = ['backfill', '--compare', '--table', table, '--json', '--config', configFile];
  const options = { signal, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [cli, ...args], options, (error, stdout, stderr) => {
      if (error && error.code !== differs) resolve(stderr.trim() || error.message);
      else resolve(JSON.parse(stdout) as Compared);
    });
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    } catch {
      // It has ended already, and says why.
    }
  });
}

const differs = 3; // The exit code of a verification that failed.
