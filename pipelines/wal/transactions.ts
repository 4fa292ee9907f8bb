import type { TableContract } from '../../contracts/contract.ts';
import type { Decoded } from '../../schemas/change.ts';
import type { Position } from '../../schemas/position.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from '../../schemas/value.ts';
import type { Message, OldTuple, Relation, Tuple } from './pgoutput.ts';

export interface Origin {
  readonly system: string;
  readonly log: string; // The slot.
  readonly lanes: number;
  readonly timelineOf: (lsn: bigint) => number;
  readonly contracts: ReadonlyMap<string, TableContract>;
}

/** Gives the messages of whole transactions their identity: changes out, in order, numbered by commit. */
export class Transactions {
  readonly #origin: Origin;
  #open: {
    readonly lsn: bigint;
    readonly timeline: number;
    readonly committedAt: number;
    readonly xid: number;
  } | null = null;
  #seq = 0;
  #watermark: number;

  /** `watermark` is the greatest commit time up to where reading begins. */
  constructor(origin: Origin, watermark: number) {
    this.#origin = origin;
    this.#watermark = watermark;
  }

  /** The greatest commit time seen. Commit times are not monotone; this is. */
  get watermark(): number {
    return this.#watermark;
  }

  /** Whether a transaction is half read: its end is not yet a place to confirm. */
  get open(): boolean {
    return this.#open !== null;
  }

  take(message: Message, out: Decoded[]): void {
    switch (message.kind) {
      case 'begin':
        this.#open = { ...message, timeline: this.#origin.timelineOf(message.lsn) };
        this.#seq = 0;
        this.#watermark = Math.max(this.#watermark, message.committedAt);
        return;
      case 'commit':
        this.#open = null;
        return;
      case 'insert':
        out.push(this.#change(message.relation, 'insert', null, message.after));
        this.#seq++;
        return;
      case 'update':
        this.#update(message, out);
        this.#seq++;
        return;
      case 'delete':
        out.push(this.#change(message.relation, 'delete', message.before, null));
        this.#seq++;
        return;
      case 'truncate':
        this.#truncate(message.relations, out);
        this.#seq++;
        return;
      case 'other':
    }
  }

  /** A changed key is a delete and an insert: they belong to different keys, and so to different lanes. */
  #update({ relation, before, after }: Message & { kind: 'update' }, out: Decoded[]): void {
    const key = this.#origin.contracts.get(relation.table)?.key ?? [];
    const moved =
      before &&
      relation.columns.some(
        ({ name, identity }, index) =>
          key.includes(name) &&
          (before.whole || identity) && // Otherwise the old row does not tell it.
          before.values[index] !== after[index],
      );
    if (!moved) {
      out.push(this.#change(relation, 'update', before, after));
      return;
    }
    out.push(this.#change(relation, 'delete', before, null, 0));
    out.push(this.#change(relation, 'insert', null, after, 1));
  }

  /** Every lane is told of a truncate, so that it stays in order with each key's changes. */
  #truncate(relations: readonly Relation[], out: Decoded[]): void {
    const { lanes } = this.#origin;
    for (const [index, { table }] of relations.entries())
      for (let lane = 0; lane < lanes; lane++)
        out.push({
          ...this.#identity(table, index * lanes + lane),
          op: 'truncate',
          lane,
          key: null,
          before: null,
          after: null,
        });
  }

  #change(
    relation: Relation,
    op: 'insert' | 'update' | 'delete',
    before: OldTuple | null,
    after: Tuple | null,
    part = 0,
  ): Decoded {
    const { table } = relation;
    const old = before && rowOf(relation, before.values, !before.whole);
    const row = after && rowOf(relation, after, false);
    const key = keyOf(this.#origin.contracts.get(table), row ?? old);
    return { ...this.#identity(table, part), op, lane: 0, key, before: old, after: row };
  }

  #identity(table: string, part: number) {
    const open = this.#open;
    if (!open) throw new Error('the server sent a change outside of a transaction');
    const { system, log } = this.#origin;
    const position: Position = { timeline: open.timeline, lsn: open.lsn, seq: this.#seq, part };
    return {
      system,
      log,
      position,
      table,
      transaction: open.xid,
      committedAt: open.committedAt,
      watermark: this.#watermark,
    };
  }
}

/** Of a key-only old row the server sends nulls for all other columns: they were not sent at all. */
function rowOf({ columns }: Relation, values: Tuple, identityOnly: boolean): Row {
  const row: Record<string, Value | Unchanged> = {};
  for (const [index, { name, identity }] of columns.entries())
    if (identity || !identityOnly) row[name] = values[index] ?? null;
  return row;
}

function keyOf(contract: TableContract | undefined, row: Row | null): Key | null {
  if (!contract || contract.key.length === 0 || !row) return null;
  const key: Record<string, Value> = {};
  for (const column of contract.key) {
    const value = row[column];
    if (value === undefined || value === unchanged) return null;
    key[column] = value;
  }
  return key;
}
