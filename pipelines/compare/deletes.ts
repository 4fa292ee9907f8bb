import type { TableContract } from '../../contracts/contract.ts';
import type { Registry } from '../../contracts/registry.ts';
import { changesTopic } from '../../contracts/topics.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { LaneSlab } from '../../processors/transcode/lane-slab.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { unsealing } from '../../processors/unseal.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Records } from '../../schemas/records.ts';
import { decodeChange, frame, schemaIdOf } from '../../schemas/wire.ts';
import type { Base } from '../backfill/runs.ts';
import { learning } from '../topic/learning.ts';
import type { LaneRecords } from '../topic/lane-records.ts';
import type { Received } from '../topic/received.ts';
import type { ComparedColumn } from './compared-column.ts';
import { KeyTable } from './key-table.ts';
import { again } from './topic-rows.ts';

export interface Deleting {
  readonly database: string;
  readonly contract: TableContract;
  readonly registry: Registry;
  readonly keyring: Keyring;
  readonly records: LaneRecords;
  readonly ends: readonly bigint[];
  readonly columns: readonly ComparedColumn[];
  readonly position: Base & { readonly read: number; readonly log: string };
}

const batchBytes = 32 * 1024; // Less than any topic takes that rows fit in.

/** The deletes of keys that are gone, in the form of the last record that each of them has. */
export async function deletesOf(
  deleting: Deleting,
  gone: ReadonlySet<bigint>,
): Promise<readonly Records[]> {
  if (gone.size === 0) return [];
  const { contract, registry, records, ends, database } = deleting;
  const learn = learning(registry);
  await deleting.keyring.refresh();
  const pool = new SlabPool();
  const filled: Records[] = [];
  let part = 0;
  for (const [partition, end] of ends.entries()) {
    const last = new Map<string, Received>();
    for await (const batch of records.read(partition, 0n, end)) {
      await learn(batch);
      for (const record of batch) {
        const key = keyHashOf(record, deleting);
        if (key !== null && gone.has(key) && record.key)
          last.set(record.key.toString('latin1'), record);
      }
    }
    if (last.size === 0) continue;
    const slab = new LaneSlab(changesTopic(database, contract.table), partition, batchBytes, pool);
    for (const record of last.values()) {
      if (!record.key) continue;
      const key = bytesOf(record.key);
      const value = bytesOf(deleteOf(record, deleting, part++));
      if (!slab.hasRoom(key, value)) filled.push(slab.take());
      slab.append(key, value);
    }
    filled.push(slab.take());
  }
  return filled;
}

/** The hash that the source would have of a row's key; null if the record tells no row. */
function keyHashOf(
  record: Received,
  { contract, registry, keyring, columns }: Deleting,
): bigint | null {
  const { value, partition: lane } = record;
  const type = value && registry.type(schemaIdOf(value) ?? 0);
  if (!value || !type) return null;
  const change = decodeChange(type, value, { table: contract.table, lane });
  const secret = change.after && unsealing(keyring, () => {})(change);
  if (!change.after || !secret) return null;
  const inKey = columns.map((column) => column.inKey);
  const one = new KeyTable(columns.length, 1);
  const slot = one.slotOf(0, 0);
  const hash = { high: 0, low: 0 };
  for (const [index, column] of columns.entries()) {
    const found = secret.after?.[column.name] ?? change.after[column.name] ?? null;
    if (!column.inKey || typeof found === 'symbol') continue;
    column.hash(found, hash);
    one.setColumn(slot, index, hash.high, hash.low);
  }
  return again(one.fold(slot, inKey));
}

/** The same record as a delete at a place of its own. */
function deleteOf({ value }: Received, { registry, position }: Deleting, part: number): Buffer {
  const id = value && schemaIdOf(value);
  const type = id === null ? undefined : registry.type(id);
  if (!value || id === null || !type) throw new TypeError('a record that was read cannot be read');
  const { timeline, lsn, watermark, read: seq, log } = position;
  const at = { log, timeline, lsn: lsn - 1n, seq, part, op: 'delete' };
  const times = { transaction: 0n, committedAt: BigInt(watermark), watermark: BigInt(watermark) };
  const read = type.fromBuffer(value.subarray(5)) as object;
  return frame({ id, type }, { ...read, ...at, ...times, before: null, after: null, sealed: null });
}

function bytesOf(buffer: Buffer): Bytes {
  const bytes = new Bytes(buffer.length);
  bytes.copy(buffer, 0, buffer.length);
  return bytes;
}
