import type { Relation } from '../../schemas/relation.ts';
import type { Spill, SpillRoom } from './spill.ts';

/** A transaction that is sent before it ends, or is prepared and not yet decided. */
export interface Held {
  readonly spill: Spill;
  readonly streamed: boolean; // Whether each of its messages names its transaction.
  preparedAt: bigint | null;
  origin: string | null;
  readonly formsBefore: Map<number, Relation>; // Of the tables that were described anew since it came; a streamed one describes all of its own.
}

/** The transactions of which it is not known yet what becomes of them. */
export class HeldTransactions {
  readonly #room: SpillRoom;
  readonly #held = new Map<number, Held>();
  #committed: { readonly preparedAt: bigint; readonly end: bigint }[] = [];

  constructor(room: SpillRoom) {
    this.#room = room;
  }

  /** A transaction, from its first message on. */
  hold(xid: number, streamed: boolean): Held {
    let held = this.#held.get(xid);
    if (!held) {
      const spill = this.#room.spill();
      held = { spill, streamed, preparedAt: null, origin: null, formsBefore: new Map() };
      this.#held.set(xid, held);
    }
    return held;
  }

  find(xid: number): Held | undefined {
    return this.#held.get(xid);
  }

  /** Hands over a transaction whose commit ends at `end`. */
  commit(xid: number, end: bigint): Held {
    const held = this.hold(xid, true);
    this.#held.delete(xid);
    if (held.preparedAt !== null) this.#committed.push({ preparedAt: held.preparedAt, end });
    return held;
  }

  /** A table is described anew: what was prepared before is to be read in the form that it had. */
  described(oid: number, before: Relation): void {
    for (const { streamed, formsBefore } of this.#held.values())
      if (!streamed && !formsBefore.has(oid)) formsBefore.set(oid, before);
  }

  forget(xid: number): Promise<void> | undefined {
    const held = this.#held.get(xid);
    this.#held.delete(xid);
    return held?.spill.discard();
  }

  async discard(): Promise<void> {
    for (const { spill } of this.#held.values()) await spill.discard();
  }

  /**
   * The oldest prepared transaction that is not decided, or whose commit is not settled yet: the server
   * sends it only once.
   */
  oldestPrepared(settled: bigint): bigint | null {
    this.#committed = this.#committed.filter(({ end }) => end > settled);
    let oldest: bigint | null = null;
    for (const { preparedAt } of [...this.#held.values(), ...this.#committed])
      if (preparedAt !== null && (oldest === null || preparedAt < oldest)) oldest = preparedAt;
    return oldest;
  }
}
