import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { unsealing } from '../../processors/unseal.ts';
import type { LaneRecords } from '../topic/lane-records.ts';
import type { ComparedColumn } from './compared-column.ts';
import { foldLane, type Folding } from './fold-lane.ts';
import { TopicRows } from './topic-rows.ts';

/** Whose topic is folded, and what is needed to read it. */
export interface OfTopic {
  readonly contract: TableContract;
  readonly registry: Registry;
  readonly keyring: Keyring;
}

export interface FoldTopic {
  readonly records: LaneRecords;
  readonly seen: Folding['seen'];
  readonly copiedBefore: readonly bigint[];
  readonly columns: readonly ComparedColumn[];
  readonly rows: number; // About so many.
}

const keysAtOnce = 1_000_000; // Of one lane, in memory.

/** Folds a table's topic, lane by lane, as far as it has come. */
export async function foldTopic(
  { contract, registry, keyring }: OfTopic,
  { records, seen, copiedBefore, columns, rows }: FoldTopic,
): Promise<TopicRows> {
  const open = unsealing(keyring, () => {});
  const folding = { table: contract.table, columns, records, registry, open, seen };
  const starts = await records.bounds('start');
  const ends = await records.bounds('end');
  await keyring.refresh(); // Whatever box stands before these ends, its key is there.
  const shares = Math.max(1, Math.ceil(rows / ends.length / keysAtOnce));
  const inKey = columns.map((column) => column.inKey);
  const topic = new TopicRows(
    rows,
    starts.every((start) => start === 0n),
  );
  for (const [partition, to] of ends.entries()) {
    const from = starts[partition] ?? 0n;
    const expected = Math.min(Number(to - from), Math.ceil((rows / ends.length / shares) * 1.1));
    const before = copiedBefore[partition] ?? 0n;
    for (let share = 0; share < shares && from < to; share++) {
      const lane = { partition, from, copiedBefore: before, to, expected };
      topic.add(await foldLane(folding, { ...lane, share: [share, shares] }), inKey);
    }
  }
  return topic;
}
