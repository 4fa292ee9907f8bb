import { failpoint } from '../flow/failpoint.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';
import type { Forms } from './forms.ts';
import type { Sender } from './sender.ts';
import { statusUpdate } from './status-update.ts';
import type { Transactions } from './transactions.ts';

interface Settings {
  readonly stream: string; // What the checkpoint is filed under.
  readonly senderTimeoutMs: number; // How long the server waits for a sign of life; 0 for ever.
  readonly recording: (isDue: boolean) => void;
}

/** Where it is kept how far a stream has come. */
interface State {
  readonly checkpoints: Checkpoints;
  readonly forms: Pick<Forms, 'confirmed'>;
}

const statusEveryMs = 5_000;

/**
 * A position is confirmed in three steps, each after the one before: all up to it is settled, the
 * checkpoint records it, the server is told.
 */
export class LateAcknowledgement {
  readonly #settings: Settings;
  readonly #state: State;
  #sender: Sender | null = null;
  #transactions: Transactions | null = null;
  #known: Checkpoint; // What the checkpoint records, and so the most that the server is told.
  #settled: bigint;
  #watermarks: { readonly at: bigint; readonly watermark: number }[] = [];
  #recording: Promise<void> | null = null; // Under way: a slow checkpoint is waited for, not asked again.
  #failure: unknown = null; // Of the checkpoint.
  #lastStatusMs = 0;

  constructor(settings: Settings, state: State, from: Checkpoint) {
    this.#settings = settings;
    this.#state = state;
    this.#known = from;
    this.#settled = from.lsn;
  }

  get known(): Checkpoint {
    return this.#known;
  }

  get settled(): bigint {
    return this.#settled;
  }

  /** From now on `sender` is told how far what it sent is recorded. */
  follow(sender: Sender, transactions: Transactions): void {
    this.#sender = sender;
    this.#transactions = transactions;
  }

  /** Nobody is there to be told any more. What is settled can still be recorded. */
  part(): void {
    this.#sender = null;
  }

  /** Notes what was given out, to be settled. */
  given(at: bigint, watermark: number): void {
    this.#watermarks.push({ at, watermark });
  }

  /** Notes that all up to `at` is settled; false if that was known. */
  settle(at: bigint): boolean {
    if (at <= this.#settled) return false;
    this.#settled = at;
    return true;
  }

  /** Throws if the checkpoint could not be written. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Records what is settled, and gives the server its sign of life. */
  tick(): void {
    this.#recording ??= this.#record()
      .catch((error: unknown) => {
        this.#failure = error;
        this.#sender?.nudge();
      })
      .finally(() => (this.#recording = null));
    const { senderTimeoutMs } = this.#settings;
    const everyMs =
      senderTimeoutMs > 0 ? Math.min(statusEveryMs, senderTimeoutMs / 4) : statusEveryMs;
    if (performance.now() - this.#lastStatusMs > everyMs) this.say(false);
  }

  async recordLast(): Promise<void> {
    await this.#recording;
    await this.#record();
  }

  /** Tells the server what is recorded, and asks for its answer if that is wanted. */
  say(replyRequested: boolean): void {
    this.#lastStatusMs = performance.now();
    this.#sender?.send(statusUpdate(this.#known.lsn, { nowMs: Date.now(), replyRequested }));
  }

  /** The checkpoint first, then the server. A prepared transaction holds both back: it is not sent again. */
  async #record(): Promise<void> {
    const prepared = this.#transactions?.oldestPrepared(this.#settled) ?? null;
    const lsn = prepared !== null && prepared < this.#settled ? prepared : this.#settled;
    if (lsn <= this.#known.lsn) return;
    let { watermark } = this.#known;
    while (this.#watermarks[0] && this.#watermarks[0].at <= lsn)
      watermark = this.#watermarks.shift()?.watermark ?? watermark;
    const known = { ...this.#known, lsn, watermark, recovery: null };
    this.#settings.recording(true);
    failpoint('checkpointing');
    await this.#state.forms.confirmed(lsn);
    await this.#state.checkpoints.write(this.#settings.stream, known);
    this.#known = known;
    this.#settings.recording(false);
    failpoint('checkpointed');
    this.say(false);
    failpoint('acknowledged');
  }
}
