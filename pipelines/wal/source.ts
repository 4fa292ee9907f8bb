import type { Backfill } from '../backfill/backfill.ts';
import type { Base } from '../backfill/runs.ts';
import type { Beats } from '../../processors/transcode/beats.ts';
import type { Captured, Output } from '../../processors/transcode/output.ts';
import { failpoint } from '../flow/failpoint.ts';
import type { Delivery, LogPosition, Reading, Source } from '../flow/source.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';
import { complaint, Frames } from './frames.ts';
import { LateAcknowledgement } from './late-acknowledgement.ts';
import { atMost, partMs } from './own-pool.ts';
import { Sender } from './sender.ts';
import { ForeignServer, identify } from './server.ts';
import { checkUnmoved } from './slot.ts';
import { startCommand } from './start-command.ts';
import { TimelineWatch } from './timeline-watch.ts';
import { timelines } from './timelines.ts';
import { type Parts, Transactions } from './transactions.ts';

export interface WalSettings {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly protocol: 1 | 2 | 3 | 4;
  readonly binary: boolean;
  readonly origin: 'any' | 'none';
  readonly serverVersion: number;
  readonly senderTimeoutMs: number; // How long the server waits for a sign of life; 0 for ever.
  readonly lingerMs: number; // How long small commits may wait to be read together.
  readonly standby: boolean; // It may be promoted while it is read.
  readonly stream: string; // What the checkpoint is filed under.
  readonly lanes: number;
  readonly until: bigint | null; // Where to end; null goes on for ever.
  /** Told when what is settled waits for its checkpoint, and when it waits no more. */
  readonly recording: (isDue: boolean) => void;
}

/** What copying beside the stream knows of it. */
export interface Beside {
  readonly wake: () => void;
  readonly baseNow: () => Base;
  readonly brought: () => bigint;
}

const deliveryBytes = 1024 * 1024;
const confirmEveryMs = 250;
const askEveryMs = 1_000;
const retryEveryMs = 2_000; // How often is looked whether somebody has accepted a refused table.
const gatherMs = 5; // With a backlog, how long a delivery waits to be worth its way.

const copyData = 0x64;
const errorResponse = 0x45;
const walData = 0x77;
const keepalive = 0x6b;

/** Reads a replication slot, and says of it no more than is settled and recorded. */
export class WalSource implements Source<Captured> {
  readonly #settings: WalSettings;
  readonly #acknowledged: LateAcknowledgement;
  readonly #parts: Parts;
  readonly #beats: Beats;
  readonly #output: Output;
  readonly #backfill: Backfill | null;
  #sender: Sender | null = null;
  #watch: TimelineWatch | null = null; // Of a standby.
  #transactions: Transactions | null = null;
  #timelineOf: ((lsn: bigint) => number) | null = null; // Which wrote the server's WAL, era and all.
  #isLost = false; // A server is: whether it answers once more is not waited for.
  #silentMs = 0; // How long it was listened for the server in vain.
  #lastRetryMs = 0;

  /** `backfillOf` makes what copies tables beside the stream, if anything does. */
  constructor(
    settings: WalSettings,
    checkpoints: Checkpoints,
    from: Checkpoint,
    parts: Parts & { readonly beats: Beats },
    backfillOf: ((beside: Beside) => Backfill) | null,
  ) {
    this.#backfill =
      backfillOf?.({
        wake: () => this.#sender?.nudge(),
        baseNow: () => this.#base(),
        brought: () => this.#transactions?.brought ?? from.lsn,
      }) ?? null;
    this.#settings = settings;
    this.#acknowledged = new LateAcknowledgement(
      settings,
      { checkpoints, forms: parts.forms },
      from,
    );
    this.#parts = parts;
    this.#beats = parts.beats;
    this.#output = parts.output;
  }

  async *read({ signal }: Reading): AsyncIterable<Delivery<Captured>> {
    const { standby, url, lingerMs } = this.#settings;
    await using sender = await Sender.connect(url, { lingerMs });
    this.#sender = sender;
    const { timeline, timelineOf } = await this.#timelines(sender);
    this.#timelineOf = timelineOf;
    await using watch = standby ? await TimelineWatch.open(url, timeline) : null;
    this.#watch = watch;
    await this.#backfill?.open();
    const transactions = await this.#begin(sender, timelineOf);
    this.#transactions = transactions;
    this.#acknowledged.follow(sender, transactions);
    const ticking = setInterval(() => this.#tick(), confirmEveryMs);
    const copying = new AbortController();
    const copied = this.#backfill?.run(AbortSignal.any([signal, copying.signal]));
    try {
      yield* this.#deliveries(sender, transactions, signal);
    } catch (error) {
      this.#isLost = true;
      throw error;
    } finally {
      clearInterval(ticking);
      copying.abort();
      await this.#parting(copied ?? Promise.resolve());
      if (!this.#isLost) await this.#acknowledged.recordLast().catch(() => {}); // Disposal tries again, and says why not.
      this.#sender = null;
      this.#acknowledged.part();
      await transactions.discard();
    }
  }

  confirm(position: LogPosition): void {
    const { log, at } = position;
    if (log !== this.#settings.slot) this.#backfill?.confirm(position);
    else if (this.#acknowledged.settle(at)) this.#sender?.nudge();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parting(this.#acknowledged.recordLast());
  }

  #parting(ending: Promise<void>): Promise<void> {
    return this.#isLost ? atMost(partMs, ending) : ending;
  }

  async #begin(sender: Sender, timelineOf: (lsn: bigint) => number): Promise<Transactions> {
    const { slot, lanes } = this.#settings;
    const origin = { system: this.#acknowledged.known.system, log: slot, lanes, timelineOf };
    const { lsn: at, watermark } = this.#acknowledged.known;
    await checkUnmoved(sender, slot, at);
    sender.start(startCommand(this.#settings, at));
    return new Transactions(origin, this.#parts, { at, watermark });
  }

  /** Where copied rows stand. After a promotion, what is not confirmed may still be of the timeline before. */
  #base(): Base {
    const { lsn, watermark, timeline, era } = this.#acknowledged.known;
    return { lsn, watermark, timeline: this.#timelineOf?.(lsn) ?? timeline + era };
  }

  async *#deliveries(
    sender: Sender,
    transactions: Transactions,
    signal: AbortSignal,
  ): AsyncIterable<Delivery<Captured>> {
    const { until } = this.#settings;
    const frames = new Frames();
    const idleMs = until === null ? askEveryMs : 100;
    let told = transactions.at;
    while (!signal.aborted) {
      const patienceMs = this.#output.isEmpty || !sender.hasBacklog ? idleMs : gatherMs;
      const askedMs = performance.now();
      const gulp = await sender.take(signal, this.#backfill?.hasGulp ? 0 : patienceMs);
      this.#acknowledged.check();
      if (!gulp) this.#missed(performance.now() - askedMs);
      else {
        this.#silentMs = 0;
        failpoint('received');
        frames.feed(gulp);
      }
      while (gulp && frames.next()) {
        const waiting = this.#take(frames, transactions);
        if (waiting) await waiting;
        if (transactions.hasReplay)
          for await (const _ of transactions.replay())
            if (this.#output.bytes >= deliveryBytes) yield* this.#turns(transactions);
        if (this.#output.bytes >= deliveryBytes) yield* this.#turns(transactions);
      }
      if (gulp && sender.hasBacklog && this.#output.bytes < deliveryBytes) continue;
      const isDue = !this.#output.isEmpty || transactions.at > told;
      const isBusy = this.#acknowledged.settled < told; // What comes during a write goes with the next: many small ones are slow.
      if (isDue && !isBusy) {
        told = transactions.at;
        yield* this.#streamed(transactions);
      } else if (!isDue && !gulp && !this.#backfill?.hasGulp) this.#acknowledged.say(true); // The answer tells how far the server has read: WAL of others is let go.
      yield* this.#copied();
      const isDone = until !== null && told >= until && this.#acknowledged.settled >= told;
      if (isDone && (this.#backfill?.isIdle ?? true)) return;
    }
  }

  /** A connection may end without a word: a server that does not answer for so long is given up, as it would do. */
  #missed(waitedMs: number): void {
    const { senderTimeoutMs } = this.#settings;
    this.#silentMs += Math.min(waitedMs, askEveryMs); // More, and it was not us who listened.
    if (senderTimeoutMs === 0 || this.#silentMs < senderTimeoutMs / 2) return;
    if (this.#silentMs > 2 * senderTimeoutMs)
      throw new Error(
        `the server has not said anything for ${Math.round(this.#silentMs / 1_000)} s`,
      );
    this.#acknowledged.say(true);
  }

  /** The stream and what is copied take turns: neither waits for the end of the other. */
  async *#turns(transactions: Transactions): AsyncIterable<Delivery<Captured>> {
    yield* this.#streamed(transactions);
    yield* this.#copied();
  }

  /** Rows that were copied go before what the stream has changed since they were looked at. */
  async *#streamed(transactions: Transactions): AsyncIterable<Delivery<Captured>> {
    const rest = this.#output.isEmpty ? null : this.#backfill?.rest();
    if (rest) yield rest;
    yield await this.#delivery(transactions);
  }

  *#copied(): Iterable<Delivery<Captured>> {
    const copy = this.#backfill?.take();
    if (copy) yield copy;
  }

  /** Nothing is given out before it is certain on which timeline it was written. */
  async #delivery({ at, watermark }: Transactions): Promise<Delivery<Captured>> {
    await this.#watch?.look();
    this.#beats.beat(watermark, at);
    if (!this.#output.isEmpty) failpoint('delivering');
    this.#acknowledged.given(at, watermark);
    return { position: { log: this.#settings.slot, at }, ...this.#output.take() };
  }

  /** Takes one message of the server's protocol. */
  #take(frames: Frames, transactions: Transactions): Promise<void> | undefined {
    const { data, start, end, kind } = frames;
    if (kind === copyData) {
      if (data[start] === walData) return transactions.take(data, start + 25, end);
      if (data[start] !== keepalive) return undefined;
      transactions.caughtUp(data.readBigUInt64BE(start + 1));
      if (data[start + 17] === 1) this.#acknowledged.say(false);
    } else if (kind === errorResponse) throw complaint(data, start, end);
    return undefined;
  }

  /** Finds out who the server is: a slot of another server has positions of another world. */
  async #timelines(sender: Sender) {
    const { system, timeline, history } = await identify(sender);
    const { era, system: known } = this.#acknowledged.known; // The era lifts positions that began anew above all before.
    if (system !== known)
      throw new ForeignServer(
        `the checkpoint of ${this.#settings.stream} belongs to server ${known}, but source.url leads to server ${system}: correct source.url, or remove the checkpoint from cdc_offsets to begin anew`,
      );
    const timelineOf = timelines(timeline, history);
    return { timeline, timelineOf: (lsn: bigint) => timelineOf(lsn) + era };
  }

  #tick(): void {
    this.#acknowledged.tick();
    const { relations, outbox } = this.#parts;
    const hasRefused = relations.hasRefused || outbox.hasRefused;
    if (hasRefused && performance.now() - this.#lastRetryMs > retryEveryMs)
      void this.#retryRefused();
  }

  /** Whoever cannot be asked now is asked again: meanwhile their changes are refused as before. */
  async #retryRefused(): Promise<void> {
    this.#lastRetryMs = performance.now();
    const { relations, outbox, forms } = this.#parts;
    const accepted = await forms.accepted().catch(() => []);
    relations.retry(accepted);
    outbox.retry(accepted);
  }
}
