import type { Opener } from '../../processors/unseal.ts';
import { type Halves, serverHash } from '../../processors/server-hash.ts';
import type { Registry } from '../../contracts/registry.ts';
import type { Change } from '../../schemas/change.ts';
import { compare, type Position } from '../../schemas/position.ts';
import { unchanged } from '../../schemas/value.ts';
import { decodeChange, schemaIdOf } from '../../schemas/wire.ts';
import type { Seen } from '../backfill/seen.ts';
import { learning } from '../topic/learning.ts';
import type { LaneRecords } from '../topic/lane-records.ts';
import type { Received } from '../topic/received.ts';
import type { ComparedColumn } from './compared-column.ts';
import { KeyTable } from './key-table.ts';

/** What of a lane is to be folded. */
export interface LanePart {
  readonly partition: number;
  readonly from: bigint;
  readonly copiedBefore: bigint; // Rows that were copied afterwards may be newer than the snapshot.
  readonly to: bigint;
  readonly share: readonly [index: number, of: number]; // Of the keys.
  readonly expected: number; // About so many keys.
}

export interface Folding {
  readonly table: string;
  readonly columns: readonly ComparedColumn[];
  readonly records: LaneRecords;
  readonly registry: Registry;
  readonly open: Opener;
  readonly seen: Pick<Seen, 'sees'>; // The snapshot that the source is looked at in.
}

/** The rows that came of a lane, each as the hashes of its columns. */
export interface Folded {
  readonly keys: KeyTable;
  readonly withheld: number; // Changes whose subject was erased.
}

/** Folds a lane of a table's topic per key, by position, up to what a snapshot of the source sees. */
export async function foldLane(folding: Folding, part: LanePart): Promise<Folded> {
  const { records, registry, columns, table } = folding;
  const learn = learning(registry);
  const fold = new Fold(columns, part.expected);
  let withheld = 0;
  for await (const batch of records.read(part.partition, part.from, part.to)) {
    await learn(batch);
    for (const record of batch) {
      if (!isOfShare(record, part.share)) continue;
      const change = changeOf(record, registry, table);
      const { transaction } = change;
      const counts =
        transaction === 0 ? record.offset < part.copiedBefore : folding.seen.sees(transaction);
      if (counts && !fold.add(change, record.key, folding.open)) withheld++;
    }
  }
  return { keys: fold.finished(), withheld };
}

const hash: Halves = { high: 0, low: 0 };

function isOfShare({ key }: Received, [index, of]: LanePart['share']): boolean {
  if (of === 1 || key === null) return true;
  serverHash(key, 0, key.length, 0, hash);
  return (hash.high >>> 0) % of === index;
}

function changeOf({ value, partition }: Received, registry: Registry, table: string): Change {
  const id = value && schemaIdOf(value);
  const type = id === null ? undefined : registry.type(id);
  if (!value || !type) throw new Error(`a record of table ${table} has no schema that is known`);
  return decodeChange(type, value, { table, lane: partition });
}

class Fold {
  readonly #columns: readonly ComparedColumn[];
  readonly #keys: KeyTable;
  #truncated: Position | null = null;

  constructor(columns: readonly ComparedColumn[], expected: number) {
    this.#columns = columns;
    this.#keys = new KeyTable(columns.length, expected);
  }

  /** False if the change is withheld. */
  add(change: Change, key: Buffer | null, open: Opener): boolean {
    const { op, position } = change;
    if (op === 'truncate') {
      if (!this.#truncated || compare(position, this.#truncated) > 0) this.#truncated = position;
      return true;
    }
    if (key === null) return true;
    serverHash(key, 0, key.length, 0, hash);
    const slot = this.#keys.slotOf(hash.high, hash.low);
    if (!this.#keys.isNewer(slot, position)) return true;
    if (!change.after) {
      this.#keys.move(slot, position, false);
      return true;
    }
    const secret = open(change);
    if (!secret) return false;
    for (let index = 0; index < this.#columns.length; index++) {
      const column = this.#columns[index];
      const value = column && (secret.after?.[column.name] ?? change.after[column.name] ?? null);
      if (value === undefined || value === unchanged || !column) continue;
      if (secret.after === null && !Object.hasOwn(change.after, column.name)) continue; // Confidential, and unchanged.
      column.hash(value, hash);
      this.#keys.setColumn(slot, index, hash.high, hash.low);
    }
    this.#keys.move(slot, position, true);
    return true;
  }

  /** A row that is older than a truncate is gone. */
  finished(): KeyTable {
    const truncated = this.#truncated;
    if (truncated)
      for (let slot = 0; slot < this.#keys.count; slot++)
        if (this.#keys.isNewer(slot, truncated)) this.#keys.remove(slot);
    return this.#keys;
  }
}
