import { type Head, headOf } from '../../processors/transcode/head.ts';
import type { Output } from '../../processors/transcode/output.ts';
import type { TransactionLog } from '../../processors/transcode/transaction-log.ts';
import type { Bases } from '../backfill/bases.ts';
import type { Watch } from '../backfill/touched.ts';
import { Changes } from './changes.ts';
import type { Forms } from './forms.ts';
import { type Held, HeldTransactions } from './held.ts';
import type { Outbox } from './outbox.ts';
import {
  kinds,
  type LogicalMessage,
  type Message,
  readMessage,
  type SentRelation,
} from './pgoutput.ts';
import type { Relations } from './relations.ts';
import type { SpillRoom } from './spill.ts';

export interface Origin {
  readonly system: string;
  readonly log: string; // The slot.
  readonly lanes: number;
  readonly timelineOf: (lsn: bigint) => number;
}

export interface Parts {
  readonly relations: Relations;
  readonly output: Output;
  readonly transactionLog: TransactionLog;
  readonly outbox: Outbox;
  readonly forms: Forms;
  readonly spillRoom: SpillRoom;
  readonly watch: Watch;
  readonly bases: Bases | null;
}

/** What became of a held transaction: its messages are to be read now. */
interface Decided {
  readonly held: Held;
  readonly end: bigint;
}

/**
 * Gives the messages of whole transactions their identity: changes out, in commit order, numbered by
 * what survived. What belongs to a transaction whose end is not known is held back, in bounded memory.
 */
export class Transactions {
  readonly #origin: Origin;
  readonly #parts: Parts;
  readonly #changes: Changes; // Of the transaction that is given out now.
  readonly #held: HeldTransactions;
  #holding: { readonly xid: number; readonly held: Held } | null = null; // A streamed block, or one that will be prepared.
  #decided: Decided | null = null;
  #watermark: number;
  #at: bigint;

  /** `watermark` is the greatest commit time up to `at`, where reading begins. */
  constructor(
    origin: Origin,
    parts: Parts,
    { at, watermark }: { readonly at: bigint; readonly watermark: number },
  ) {
    this.#origin = origin;
    this.#parts = parts;
    this.#at = at;
    this.#watermark = watermark;
    this.#held = new HeldTransactions(parts.spillRoom);
    this.#changes = new Changes(parts, origin.lanes);
  }

  /** All up to here has arrived whole. */
  get at(): bigint {
    return this.#at;
  }

  /** All before here was brought, be it by half: what is read beside the stream is to be no older. */
  get brought(): bigint {
    const lsn = this.#changes.openLsn;
    return lsn !== null && lsn >= this.#at ? lsn + 1n : this.#at;
  }

  /** The greatest commit time seen. Commit times are not monotone; this is. */
  get watermark(): number {
    return this.#watermark;
  }

  /** Where the oldest prepared transaction is that is not both decided and settled: it is to be sent again. */
  oldestPrepared(settled: bigint): bigint | null {
    return this.#held.oldestPrepared(settled);
  }

  /** Whether a held transaction was committed: `replay` is to be read before the next message. */
  get hasReplay(): boolean {
    return this.#decided !== null;
  }

  /** A keepalive says how far the server has come. It tells nothing while a transaction is half read. */
  caughtUp(to: bigint): void {
    if (!this.#changes.isOpen && !this.#holding && to > this.#at) this.#at = to;
  }

  /** Takes one message. What it returns, if anything, is to be waited for before the next. */
  take(data: Buffer, start: number, end: number): Promise<void> | undefined {
    const kind = data[start];
    if (this.#holding && kind !== undefined && isHeld(kind)) {
      const { xid, held } = this.#holding;
      if (kind === kinds.relation || kind === kinds.type) this.#foresee(held, data, start);
      const own = held.streamed ? data.readUInt32BE(start + 1) : xid;
      return held.spill.append(own, data, start, end);
    }
    return this.#apply(data, start, end, false);
  }

  /** Gives out a committed transaction that was held, block by block. */
  async *replay(): AsyncIterable<void> {
    const decided = this.#decided;
    if (!decided) return;
    const { held, end } = decided;
    this.#parts.relations.restore(held.formsBefore.values());
    for await (const block of held.spill.blocks()) {
      for (let at = 0; at < block.length;) {
        const length = block.readUInt32BE(at);
        const xid = block.readUInt32BE(at + 4);
        const start = at + 8;
        at = start + length;
        const waiting = this.#replayed(held, xid, block, start, at);
        if (waiting) await waiting;
      }
      yield;
    }
    this.#parts.relations.catchUp();
    await held.spill.discard();
    this.#decided = null;
    this.#commit(end);
  }

  /** Takes note of the files of transactions that will not be decided here any more. */
  async discard(): Promise<void> {
    await this.#held.discard();
    await this.#decided?.held.spill.discard();
  }

  /**
   * What is said of tables counts in the order of its arrival, held or not: the server says it only once.
   * What a prepared transaction says counts at once, for others too.
   */
  #foresee({ streamed }: Held, data: Buffer, start: number): void {
    const message = readMessage(data, start, streamed);
    if (streamed && message.kind === 'relation') this.#parts.relations.foresee(message.relation);
    else void this.#other(message);
  }

  /** What an undone subtransaction says of tables still counts: the server says it only once per transaction. */
  #replayed({ spill, streamed }: Held, xid: number, data: Buffer, start: number, end: number) {
    const message = data[start] === kinds.relation ? readMessage(data, start, streamed) : null;
    if (message?.kind === 'relation') return this.#parts.relations.recall(message.relation);
    const undone = spill.isAborted(xid) && data[start] !== kinds.type;
    return undone ? undefined : this.#apply(data, start, end, streamed);
  }

  #apply(data: Buffer, start: number, end: number, streamed: boolean): Promise<void> | undefined {
    const kind = data[start];
    if (kind === kinds.insert || kind === kinds.update || kind === kinds.delete)
      return this.#changes.row(kind, data, start + (streamed ? 5 : 1), end);
    return this.#other(readMessage(data, start, streamed));
  }

  #other(message: Message): Promise<void> | undefined {
    const { relations } = this.#parts;
    switch (message.kind) {
      case 'begin':
        this.#begin(message);
        return undefined;
      case 'commit':
        this.#commit(message.end);
        return undefined;
      case 'relation':
        this.#described(message.relation);
        return undefined;
      case 'type':
        relations.learnType(message.oid, message.schema, message.name);
        return undefined;
      case 'origin':
        if (this.#holding) this.#holding.held.origin = message.name;
        else this.#parts.transactionLog.origin = message.name;
        return undefined;
      case 'truncate':
        return this.#changes.truncate(message.oids);
      case 'message':
        return this.#logical(message);
      case 'stream-start':
      case 'stream-stop':
      case 'stream-commit':
      case 'stream-abort':
      case 'begin-prepare':
      case 'prepare':
      case 'stream-prepare':
      case 'commit-prepared':
      case 'rollback-prepared':
        return this.#heldMessage(message);
    }
  }

  #described(sent: SentRelation): void {
    const { relations } = this.#parts;
    const before = relations.formOf(sent.oid);
    if (before) this.#held.described(sent.oid, before);
    relations.learn(sent);
  }

  #heldMessage(message: Exclude<Message, { kind: Unheld }>): Promise<void> | undefined {
    switch (message.kind) {
      case 'stream-start':
        this.#holding = { xid: message.xid, held: this.#held.hold(message.xid, true) };
        return undefined;
      case 'stream-stop':
      case 'prepare':
        this.#holding = null;
        return undefined;
      case 'stream-abort':
        if (message.xid === message.subxid) return this.#held.forget(message.xid);
        this.#held.find(message.xid)?.spill.abort(message.subxid);
        return undefined;
      case 'begin-prepare': {
        const held = this.#held.hold(message.xid, false);
        held.preparedAt = message.lsn;
        this.#holding = { xid: message.xid, held };
        return undefined;
      }
      case 'stream-prepare':
        this.#held.hold(message.xid, true).preparedAt = message.lsn;
        return undefined;
      case 'stream-commit':
      case 'commit-prepared':
        this.#decide(message);
        return undefined;
      case 'rollback-prepared':
        if (message.end > this.#at) this.#at = message.end;
        return this.#held.forget(message.xid);
    }
  }

  #decide(message: Message & { kind: 'stream-commit' | 'commit-prepared' }): void {
    if (!this.#held.find(message.xid) && message.kind === 'commit-prepared')
      throw new Error('the server committed a prepared transaction that it never sent');
    const held = this.#held.commit(message.xid, message.end);
    this.#begin(message);
    this.#parts.transactionLog.origin = held.origin;
    this.#decided = { held, end: message.end };
  }

  #begin({ lsn, committedAt, xid }: { lsn: bigint; committedAt: number; xid: number }): void {
    this.#watermark = Math.max(this.#watermark, committedAt);
    this.#changes.begin(this.#headAt(lsn, { transaction: xid, committedAt }));
    this.#parts.transactionLog.begin();
    this.#parts.watch.committed(xid);
  }

  #headAt(lsn: bigint, of: { readonly transaction: number; readonly committedAt: number }): Head {
    const { system, log, timelineOf } = this.#origin;
    return headOf({
      system,
      log,
      timeline: timelineOf(lsn),
      lsn,
      ...of,
      watermark: this.#watermark,
    });
  }

  /** What is not transactional stands for itself, at the place where it was written. */
  async #logical(message: LogicalMessage): Promise<void> {
    if (message.transactional) return this.#changes.message(message);
    const committedAt = this.#watermark;
    // Its LSN is where it ends, and where the record of a commit may begin: a place of its own is before that.
    const head = this.#headAt(message.lsn - 1n, { transaction: 0, committedAt });
    await this.#parts.outbox.write(message, head, 0);
    this.caughtUp(message.lsn);
  }

  #commit(end: bigint): void {
    const head = this.#changes.end();
    if (head) this.#parts.transactionLog.commit(head);
    if (end > this.#at) this.#at = end;
  }
}

type Unheld = 'begin' | 'commit' | 'relation' | 'type' | 'origin' | 'truncate' | 'message';

const heldKinds = new Set<number>(Object.values(kinds));
const isHeld = (kind: number): boolean => heldKinds.has(kind);
