import { wordsOf } from '../../contracts/error-words.ts';
import type { Captured, Output } from '../../processors/transcode/output.ts';
import { failpoint } from '../flow/failpoint.ts';
import type { Delivery, LogPosition } from '../flow/source.ts';
import type { Opening, Table } from '../wal/relations.ts';
import type { ActiveRun } from './active-run.ts';
import { ActiveRuns } from './active-runs.ts';
import { Gathered } from './gathered.ts';
import { Replacements } from './replacing.ts';
import { toCopy } from './not-streamed.ts';
import { pause } from './pause.ts';
import { RangeReader, type Gulp, type Job, type Reading, type Snapshots } from './range-reader.ts';
import type { Base, Run, Runs } from './runs.ts';
import type { Watch } from './touched.ts';
import { isOwnFault, refusalOf } from './trouble.ts';
import { Turns } from './turns.ts';

export interface BackfillSettings extends Snapshots {
  readonly slot: string;
  readonly system: string;
  readonly readers: number; // Ranges that are looked after at once; their rows come in turn.
  /** The number that the source's next transaction gets. */
  readonly horizon: () => Promise<number>;
  /** Told of what keeps a copy from going on, though the stream goes on. */
  readonly troubled: (message: string) => void;
  /** Told of each copy that is done. */
  readonly copied: (run: Run) => void;
}

export interface BackfillParts {
  readonly runs: Runs;
  readonly opening: Opening; // Of the copy's own output.
  readonly output: Output;
  readonly watch: Watch;
  /** Told when all that was captured of a table before ends in its topic. */
  readonly replacing: (table: string) => void;
}

const pollMs = 1_000;
const againMs = 2_000;

/**
 * Copies tables beside the stream: ranges of blocks, several under way at once, each from a snapshot of its own.
 * What is copied stands before everything that the stream has not confirmed when it is read, so it never
 * overwrites a newer change; what was copied is remembered range by range.
 */
export class Backfill {
  readonly #settings: BackfillSettings;
  readonly #parts: BackfillParts;
  readonly #wake: () => void;
  readonly #baseNow: () => Base;
  readonly #active: ActiveRuns;
  readonly #gathered: Gathered;
  readonly #replacements: Replacements;
  readonly #unconfirmed = new Map<string, Reading[]>();
  #noting: Promise<void> = Promise.resolve(); // One note after the other: an older one is never the last.
  #failure: Error | null = null;

  constructor(
    settings: BackfillSettings,
    parts: BackfillParts,
    { wake, baseNow }: { readonly wake: () => void; readonly baseNow: () => Base },
  ) {
    this.#settings = settings;
    this.#replacements = new Replacements(settings);
    this.#parts = parts;
    this.#gathered = new Gathered(parts.output);
    this.#wake = wake;
    this.#baseNow = baseNow;
    this.#active = new ActiveRuns(parts.runs, { baseNow, horizon: settings.horizon });
  }

  /** Takes up what was asked for, before the stream begins, or goes on: what it changes of a table is looked at from then on. */
  async open(): Promise<void> {
    await this.#lookAtRuns();
  }

  /** Whether there is nothing to copy, and all that was copied is confirmed. */
  get isIdle(): boolean {
    const runs = [...this.#active];
    return (
      runs.every((active) => active.isPaused && !active.isBusy) &&
      !this.hasGulp &&
      !this.#gathered.isFilling &&
      this.#unconfirmed.size === 0
    );
  }

  get hasGulp(): boolean {
    const isTold = !this.#gathered.isFilling && !this.#parts.output.isEmpty;
    const isWaiting = this.#gathered.isWaiting || this.#replacements.isWaiting;
    return isTold || isWaiting || this.#failure !== null;
  }

  /** Where rows of a table stand that may not have been copied yet; null if none is being copied. */
  baseOf(table: string): Base | null {
    for (const { run } of this.#active) if (run.table === table) return this.#baseNow();
    return null;
  }

  /** Reads until `signal` aborts. What was read waits for `take`. */
  async run(signal: AbortSignal): Promise<void> {
    const turns = new Turns();
    const readers = Array.from({ length: this.#settings.readers }, (_, index) =>
      this.#reader(index, turns, signal),
    );
    await Promise.all([this.#watchRuns(signal), ...readers]).catch((error: unknown) => {
      if (!signal.aborted) this.#fail(error);
    });
    await this.#noting;
  }

  /** Makes records of what was read: synchronous, so that nothing of the stream comes between. */
  take(): Delivery<Captured> | null {
    if (this.#failure) throw this.#failure;
    if (this.#replacements.isWaiting) return this.rest() ?? this.#replaced();
    if (!this.#gathered.isWaiting) return this.#gathered.isFilling ? null : this.#told();
    failpoint('copying');
    const taken = this.#gathered.take();
    if (!taken) return null;
    const { delivery, whole } = taken;
    if (whole) {
      const waiting = this.#unconfirmed.get(whole.log) ?? [];
      waiting.push(whole);
      this.#unconfirmed.set(whole.log, waiting);
    }
    return delivery;
  }

  /** The records that were made and not handed on yet. They go before whatever the stream has changed since. */
  rest(): Delivery<Captured> | null {
    return this.#gathered.rest()?.delivery ?? null;
  }

  #replaced(): Delivery<Captured> | null {
    const replaced = this.#replacements.take();
    if (!replaced) return null;
    this.#parts.replacing(replaced.table.table);
    return this.#told(replaced.log);
  }

  /** What is told of a table before its first row: there may be none to go with. */
  #told(log = `${this.#settings.slot}/tables`): Delivery<Captured> | null {
    if (this.#parts.output.isEmpty) return null;
    return { position: { log, at: 0n }, ...this.#parts.output.take() };
  }

  confirm({ log, at }: LogPosition): void {
    this.#replacements.confirm(log);
    const waiting = this.#unconfirmed.get(log);
    while (waiting?.[0] && BigInt(waiting[0].read) <= at) {
      const done = waiting.shift();
      if (done) this.#completed(done);
    }
    if (waiting?.length === 0) this.#unconfirmed.delete(log);
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#wake();
  }

  async #watchRuns(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(pollMs, signal);
      await this.#lookAtRuns();
    }
  }

  async #lookAtRuns(): Promise<void> {
    await this.#active.look();
    this.#wake();
  }

  /** Reads range after range. An outage of what is copied from is waited out: the stream goes on. */
  async #reader(index: number, turns: Turns, signal: AbortSignal): Promise<void> {
    const { slot, system, troubled } = this.#settings;
    const origin = { log: `${slot}/backfill${index}`, system };
    await using reader = new RangeReader(this.#settings, { ...this.#parts, turns }, origin, signal);
    while (!signal.aborted) {
      try {
        const read = await this.#readNext(reader, signal);
        if (!read) await pause(this.#active.isAny ? 50 : pollMs / 2, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isOwnFault(error)) throw error;
        reader.reset();
        troubled(wordsOf(error));
        await pause(againMs, signal);
      }
    }
  }

  /** Reads the next range of any run; false if there is none for now. */
  async #readNext(reader: RangeReader, signal: AbortSignal): Promise<boolean> {
    for (const active of this.#active) {
      if (!active.isDue(this.#baseNow())) continue;
      const { run } = active;
      const plan = await reader.plan(run.table);
      if (plan.kind === 'refused') {
        await this.#give(active, plan.message);
        continue;
      }
      if (active.isReplacing) continue; // The other reader was faster.
      if (!active.isReplaced) {
        await this.#replace(active, plan.table, signal);
        return true;
      }
      active.agree(plan.parts);
      const next = active.claim();
      if (!next) {
        await this.#finish(active);
        continue;
      }
      const part = plan.parts.find((each) => each.part === next.part);
      if (!part) throw new TypeError(`a range of ${next.part} was claimed, which is not planned`);
      const job = {
        run: run.id,
        table: plan,
        condition: run.condition,
        read: await this.#parts.runs.nextRead(),
        part,
        blocks: next.blocks,
        past: active.past,
        ...toCopy(run, part, this.#baseNow()),
      };
      await this.#read(reader, active, job);
      return true;
    }
    return false;
  }

  /** Nothing is read of a table before what it replaces has ended, durably. */
  async #replace(active: ActiveRun, table: Table, signal: AbortSignal): Promise<void> {
    active.isReplacing = true;
    try {
      const written = this.#replacements.write(active.run, table, signal);
      this.#wake();
      await written;
      await this.#parts.runs.replaced(active.run.id);
      active.isReplaced = true;
    } finally {
      active.isReplacing = false;
    }
  }

  async #read(reader: RangeReader, active: ActiveRun, job: Job): Promise<void> {
    const push = (gulp: Gulp) => {
      this.#gathered.push(gulp);
      this.#wake();
    };
    let whole = false;
    try {
      whole = await reader.read(job, push);
    } catch (error) {
      const refusal = refusalOf(error, job);
      if (refusal === null) throw error;
      reader.reset();
      await this.#give(active, refusal);
    } finally {
      if (!whole) {
        active.release(job.part.part, job.blocks);
        this.#gathered.leave(job.read);
        this.#wake();
      }
    }
  }

  /** What a person asked for and the server will not do ends the run, and the stream goes on. */
  async #give({ run: { id, table } }: ActiveRun, message: string): Promise<void> {
    if (!this.#active.delete(id)) return;
    this.#settings.troubled(`the copy of table ${table} has failed: ${message}`);
    await this.#parts.runs.become(id, 'failed', message);
  }

  #completed({ run, part, blocks, rows }: Reading): void {
    const active = this.#active.get(run);
    if (!active) return;
    active.complete(part, blocks, rows);
    this.#noting = this.#noting
      .then(() => failpoint('copied'))
      .then(() => this.#parts.runs.progress(run, active.parts, active.rows))
      .then(() => failpoint('progressed'))
      .catch((error: unknown) => this.#fail(error));
    this.#wake();
  }

  /** A run is done once nothing of it is being read or waits to be confirmed. */
  async #finish(active: ActiveRun): Promise<void> {
    const { id } = active.run;
    if (active.isBusy || this.#active.get(id) !== active) return;
    await this.#noting;
    if (active.isBusy || this.#active.get(id) !== active) return;
    await this.#parts.runs.become(id, 'done');
    this.#active.delete(id);
    this.#settings.copied({ ...active.run, rows: active.rows });
    this.#wake();
  }
}
