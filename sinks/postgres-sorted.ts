import { changeOf } from '../schemas/governed-record.ts';
import { positionText } from '../schemas/position.ts';
import { compact } from './compact.ts';
import type { CopyTransaction } from './postgres-copy.ts';
import { streamOf } from './lane-offsets.ts';
import { type Known, knownOf, lock, saveOffsets } from './postgres-lanes.ts';
import type { SortedTable } from './postgres-sort.ts';
import { writeTable } from './postgres-write.ts';

/**
 * Writes a batch that was sorted: rows by COPY where nothing that is older than they are can be newer in the mirror,
 * and all others as `writeTable` does, first: what they take away may be in the way of a row.
 */
export async function writeSorted(
  tx: CopyTransaction,
  sorted: readonly SortedTable[],
  meanwhile: () => void,
): Promise<void> {
  const all = sorted.map(({ table, isTruncated, lanes }) => ({
    table: table.name,
    isTruncated,
    lanes: lanes.map(({ lane }) => lane),
  }));
  await lock(tx, all);
  const known = await knownOf(tx, all);
  for (const each of sorted) {
    const copies = isAllNew(each, known) ? each.copies.filter(({ count }) => count > 0) : [];
    const { table } = each;
    for (const changes of compact((copies.length > 0 ? each.others : each.all).map(changeOf)))
      await writeTable(tx, table, changes);
    const floor = known.floors.get(table.name) ?? '';
    for (const rows of copies) await tx.copy(table, rows, { floor, meanwhile });
  }
  const reached = sorted.flatMap(({ table, lanes }) =>
    lanes.map(({ lane, newest, offset }) => ({
      table: table.name,
      lane,
      position: newest,
      offset,
    })),
  );
  await saveOffsets(tx, reached);
}

/**
 * Whether all that the batch has of a table is newer than what was ever written of its lanes. A tombstone is kept
 * with the position that its lane has come to, so that none can be newer than these rows, and none is looked for.
 */
const isAllNew = ({ table, lanes }: SortedTable, { reached }: Known): boolean =>
  lanes.every(
    ({ lane, oldest }) => (reached.get(streamOf(table.name, lane)) ?? '') < positionText(oldest),
  );
