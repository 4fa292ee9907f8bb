import { lastValueFrom, tap } from 'rxjs';
import { CannotRun, NotNow } from '../contracts/cannot-run.ts';
import type { Registry } from '../contracts/registry.ts';
import { deliver } from '../pipelines/deliver.ts';
import { forming } from '../pipelines/forming.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { Batching } from '../pipelines/flow/into.ts';
import type { Room } from '../pipelines/flow/ledger.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Refused } from '../pipelines/flow/stage.ts';
import type { LaneRecords } from '../pipelines/topic/lane-records.ts';
import type { Received } from '../pipelines/topic/received.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { compare, type Position } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Beside } from '../sinks/beside.ts';
import { isWhole, type Range, RangeKeys } from './range.ts';
import { RangeSource, type ReplayLane } from './range-source.ts';
import type { Replay, Replays } from './range-replays.ts';

/** A replay of one table into one sink. */
export interface RangeJob {
  readonly table: string;
  readonly range: Range;
  readonly how: 'switch' | 'merge';
  readonly records: LaneRecords;
  readonly registry: Registry;
  readonly prepare: (batch: readonly Received[]) => Promise<void>;
  readonly beside: Beside;
  /** Opens the sink where it fills what is beside, or writes what readers see. */
  readonly openSink: (to: 'beside' | 'live') => Promise<Sink<GovernedRecord>>;
  readonly since: Position | null; // What is older is contained in a copy that is not.
  readonly keepsOld: boolean; // What is replaced may hold what the topic has no more.
  readonly despiteRefused: boolean;
  readonly rate: number | null;
  readonly room: Room;
  readonly batching: Batching<GovernedRecord>;
  readonly report: (line: string) => void;
}

/** What came of it. */
export interface Replayed {
  readonly written: number; // Records, once or more often.
  readonly refused: Readonly<Record<string, number>>;
  readonly lanes: readonly ReplayLane[]; // How far each was read.
  readonly merged: { readonly rows: number; readonly removed: number } | null;
  readonly kept: string | null; // The name of what was replaced.
}

const saveEveryMs = 250;
const fewRecords = 2_000; // So many more are caught up with while others wait.

/** Fills what is beside from the topic, as far as it comes, and puts it in place. Goes on where it was interrupted. */
export async function replayRange(
  job: RangeJob,
  replay: Replay,
  replays: Replays,
  signal: AbortSignal,
): Promise<Replayed> {
  const run = new Run(job, replay, replays, signal);
  await using _ = run;
  if (replay.stage === 'filling') await run.fillBeside();
  if (replay.stage === 'finished') {
    await job.beside.drop();
    return run.result(null, null);
  }
  const note = replay.note ?? (await job.beside.note());
  await replays.become(replay.id, 'finishing', note);
  failpoint('finishing');
  const [merged, kept] =
    job.how === 'switch'
      ? [null, await job.beside.switchOver(run.catchUp, { note, keep: job.keepsOld })]
      : [await job.beside.merge(run.catchUp, isWhole(job.range)), null];
  await replays.become(replay.id, 'finished');
  await job.beside.drop();
  return run.result(merged, kept);
}

class Run implements AsyncDisposable {
  readonly #job: RangeJob;
  readonly #id: number;
  readonly #replays: Replays;
  readonly #signal: AbortSignal;
  readonly #refused: Record<string, number>;
  readonly #sinks = new Map<'beside' | 'live', Sink<GovernedRecord>>();
  #lanes: readonly ReplayLane[];
  #written: number;
  #wanted: ((record: Received) => boolean) | null = null;
  #saving = Promise.resolve();
  #savedAt = 0;

  constructor(job: RangeJob, replay: Replay, replays: Replays, signal: AbortSignal) {
    this.#job = job;
    this.#id = replay.id;
    this.#replays = replays;
    this.#signal = signal;
    this.#lanes = replay.lanes;
    this.#written = replay.written;
    this.#refused = { ...replay.refused };
  }

  /** What has come meanwhile, at no slower pace than it can. */
  readonly catchUp = async (to: 'beside' | 'live', opened?: 'opened'): Promise<void> => {
    await (opened ? this.#fill(to, null) : this.#fillAnew(to, null));
    this.#signal.throwIfAborted();
  };

  /** As far as the topic has come, but for a few records. */
  async fillBeside(): Promise<void> {
    const { job, lanes } = { job: this.#job, lanes: this.#lanes };
    const starts = await job.records.bounds('start');
    const isThere = lanes.length > 0 && (await job.beside.isThere());
    if (!isThere) {
      await job.beside.drop();
      await job.beside.prepare();
      this.#lanes = starts.map((next, partition) => ({ partition, next }));
    }
    const passed = this.#lanes.find(({ partition, next }) => next < (starts[partition] ?? 0n));
    if (passed) throw retentionPassed(job.table, passed.partition);
    for (let behind = Infinity, before = 0; behind > fewRecords;) {
      before = behind;
      await this.#fillAnew('beside', job.rate);
      this.#signal.throwIfAborted();
      behind = await this.#behind();
      if (behind >= before) break; // It comes no nearer: the rest is waited for.
    }
    this.#refuseHoles();
  }

  result(merged: Replayed['merged'], kept: string | null): Replayed {
    const { written, refused, lanes } = {
      written: this.#written,
      refused: this.#refused,
      lanes: this.#lanes,
    };
    return { written, refused, lanes, merged, kept };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#save().catch(() => {}); // What was not kept is done again.
    for (const sink of this.#sinks.values()) await sink[Symbol.asyncDispose]();
  }

  /** A schema that has a column as text for the first time wants another sink. */
  async #fillAnew(to: 'beside' | 'live', rate: number | null): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#fill(to, rate);
      } catch (error) {
        if (!(error instanceof NotNow) || attempt === 20) throw error;
        await this.#sinks.get(to)?.[Symbol.asyncDispose]();
        this.#sinks.delete(to);
      }
    }
  }

  async #fill(to: 'beside' | 'live', rate: number | null): Promise<void> {
    const { records, registry, room, batching, prepare, beside } = this.#job;
    const wanted = await this.#selection();
    const sink = await this.#sink(to);
    const source = new RangeSource({
      records,
      lanes: this.#lanes,
      ends: await records.bounds('end'),
      prepare,
      wanted,
      rate,
      confirmed: (lane) => this.#confirm(lane),
    });
    const rest = to === 'live' ? sink : saying(sink, beside.contract.table);
    const flow = deliver({ governed: source, rest, letters: this.#letters() }, registry, {
      pulling: { room, signal: this.#signal },
      batching,
    });
    await lastValueFrom(flow.pipe(tap((count) => (this.#written += count))), { defaultValue: 0 });
    await this.#save();
  }

  async #sink(to: 'beside' | 'live'): Promise<Sink<GovernedRecord>> {
    const sink = this.#sinks.get(to) ?? (await this.#job.openSink(to));
    this.#sinks.set(to, sink);
    return sink;
  }

  /** Which records are written: all that the topic holds of the rows that are meant. */
  async #selection(): Promise<(record: Received) => boolean> {
    if (this.#wanted) return this.#wanted;
    const { range, since, registry, report } = this.#job;
    const form = forming(registry);
    const recordOf = (received: Received): GovernedRecord | null => {
      try {
        return form(received)[0] ?? null;
      } catch (error) {
        if (error instanceof Refusal) return null; // Whoever delivers it refuses it, and it is counted.
        throw error;
      }
    };
    const isContained = (record: GovernedRecord) =>
      since !== null && compare(record.form.read(record.value), since) < 0;
    if (isWhole(range)) {
      this.#wanted = (received) => {
        const record = since && recordOf(received);
        return !record || !isContained(record);
      };
      return this.#wanted;
    }
    const keys = await this.#keysOf(recordOf);
    report(`${keys.count} rows of ${this.#job.table} changed in the range`);
    this.#wanted = (received) => {
      const record = recordOf(received);
      return !record || (keys.has(record) && !isContained(record));
    };
    return this.#wanted;
  }

  async #keysOf(recordOf: (received: Received) => GovernedRecord | null): Promise<RangeKeys> {
    const { records, range, prepare } = this.#job;
    const keys = new RangeKeys(range);
    const starts = await records.bounds('start');
    for (const [partition, end] of (await records.bounds('end')).entries())
      for await (const batch of records.read(partition, starts[partition] ?? 0n, end)) {
        this.#signal.throwIfAborted();
        await prepare(batch).catch((error: unknown) => {
          if (!(error instanceof NotNow)) throw error; // No sink is open yet that would have to be another.
        });
        for (const received of batch) {
          const record = recordOf(received);
          if (record) keys.look(record);
        }
      }
    return keys;
  }

  #letters(): Sink<Refused<Received | GovernedRecord>> {
    return {
      name: 'refused by a replay',
      write: (batch) => {
        for (const { refusal } of batch)
          this.#refused[refusal.reason] = (this.#refused[refusal.reason] ?? 0) + 1;
        return Promise.resolve();
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #confirm(lane: ReplayLane): void {
    this.#lanes = this.#lanes.map((each) => (each.partition === lane.partition ? lane : each));
    if (performance.now() - this.#savedAt > saveEveryMs) void this.#save().catch(() => {}); // The last one tells.
  }

  #save(): Promise<void> {
    this.#savedAt = performance.now();
    const part = { lanes: this.#lanes, written: this.#written, refused: { ...this.#refused } };
    this.#saving = this.#saving.catch(() => {}).then(() => this.#replays.progress(this.#id, part));
    return this.#saving;
  }

  async #behind(): Promise<number> {
    const ends = await this.#job.records.bounds('end');
    return this.#lanes.reduce(
      (sum, { partition, next }) => sum + Math.max(0, Number((ends[partition] ?? 0n) - next)),
      0,
    );
  }

  /** A table that lacks rows is not put in the place of one that may have them. */
  #refuseHoles(): void {
    const { how, despiteRefused, table } = this.#job;
    const reasons = Object.entries(this.#refused).map(([reason, count]) => `${count} ${reason}`);
    if (how === 'merge' || despiteRefused || reasons.length === 0) return;
    throw new CannotRun({
      what: `the sink refuses records of ${table}: ${reasons.join(', ')}; it stays as it is`,
      where: `what was filled beside it, number ${this.#id}`,
      fix: 'see conductor dlq list; copy the table anew (--backfill) where a base is missing; or switch without them: --despite-refused',
    });
  }
}

/** Has changes say another table: the one beside. */
const saying = (sink: Sink<GovernedRecord>, table: string): Sink<GovernedRecord> => ({
  name: sink.name,
  write: (batch) =>
    sink.write(
      batch.map(({ topic, lane, offset, key, value, form }): GovernedRecord => {
        return { topic, table, lane, offset, key, value, form };
      }),
    ),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

const retentionPassed = (table: string, partition: number) =>
  new CannotRun({
    what: `retention has taken records of ${table} that were not replayed yet, in lane ${partition}`,
    where: 'the governed topic',
    fix: 'give this replay up with --abandon, and ask for it again with --backfill',
  });
