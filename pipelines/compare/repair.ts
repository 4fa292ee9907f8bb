import { changesTopic } from '../../contracts/topics.ts';
import type { Records } from '../../schemas/records.ts';
import { copyClient } from '../backfill/copy-out.ts';
import { describeTable, partsOf } from '../backfill/described.ts';
import { withBlocks } from '../backfill/blocks.ts';
import type { Base, Blocks, CopiedPart, Runs } from '../backfill/runs.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import { hangUp } from '../wal/own-pool.ts';
import { comparedColumns } from './compared-column.ts';
import { deletesOf } from './deletes.ts';
import { foldTopic, type OfTopic } from './fold-topic.ts';
import { checkHash } from './same-hash.ts';
import { SourceRows } from './source-rows.ts';

export interface Repairing extends OfTopic {
  readonly url: string;
  readonly database: string;
  readonly publication: string;
  readonly kafka: KafkaOptions;
  readonly runs: Runs;
  readonly slot: string;
  readonly from: Base; // Where the new slot begins: above all that was ever written.
  readonly write: (records: readonly Records[]) => Promise<void>;
}

/** What a repair of a table comes to. */
export type Repaired =
  | { readonly kind: 'repaired'; readonly rows: number; readonly deletes: number }
  | { readonly kind: 'whole'; readonly why: string }; // It cannot be repaired: all of it is to be copied.

const mostRows = 100_000; // That differ; more are copied sooner than they are looked for.

/**
 * Finds out in what a table differs from what its topic comes to, before a new slot is read: rows that
 * are gone are deleted at once, and a run is asked for that copies the others, and no more.
 */
export async function repairTable(repairing: Repairing): Promise<Repaired> {
  const { url, contract, publication, kafka, runs } = repairing;
  const { table } = contract;
  const whole = (why: string): Repaired => ({ kind: 'whole', why });
  if (contract.key.length === 0) return whole('it has no key');
  await using records = new LaneRecords(kafka, changesTopic(repairing.database, table));
  const ends = await records.bounds('end');
  const starts = await records.bounds('start');
  if (starts.some((start) => start > 0n)) return whole('its topic does not reach back far enough');
  if (ends.every((end) => end === 0n)) return whole('nothing of it was captured yet');
  const client = await copyClient(url);
  try {
    await checkHash(client);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const described = await describeTable(client, table, publication);
    if (!described) return whole('it is not published');
    const columns = comparedColumns(contract, described);
    const source = new SourceRows(client, described, columns);
    const seen = { sees: () => true }; // Whatever was written before was committed.
    const { rows } = await source.sums();
    const topic = await foldTopic(repairing, { records, seen, copiedBefore: ends, columns, rows });

    const wanted: { readonly key: bigint; readonly part: number; readonly block: number }[] = [];
    const gone = new Set<bigint>();
    const { missing, different } = await topic.against(source, null, () => true, {
      differs: (row) => void (wanted.length <= mostRows && wanted.push(row)),
      extra: (key) => gone.add(key),
    });
    if (missing + different > mostRows) return whole(`${missing + different} rows differ`);
    const position = {
      ...repairing.from,
      read: await runs.nextRead(),
      log: `${repairing.slot}/repair`,
    };
    const deletes = await deletesOf({ ...repairing, records, ends, columns, position }, gone);
    if (deletes.length > 0) await repairing.write(deletes);
    if (wanted.length > 0) {
      const parts = await partsToRead(client, described.relation.oid, wanted);
      await runs.requestPart(table, source.ofKeys(wanted.map(({ key }) => key)), parts);
    }
    return { kind: 'repaired', rows: wanted.length, deletes: gone.size };
  } finally {
    await hangUp(client);
  }
}

/** All parts, of which everything is done but the blocks that hold a row that is wanted. */
async function partsToRead(
  client: Parameters<typeof partsOf>[0],
  oid: number,
  wanted: readonly { readonly part: number; readonly block: number }[],
): Promise<readonly CopiedPart[]> {
  const parts = await partsOf(client, oid);
  return parts.map(({ part, oid: own, filenode, blocks }) => {
    const open = [...new Set(wanted.flatMap((row) => (row.part === own ? row.block : [])))];
    let done: readonly Blocks[] = [];
    let from = 0;
    for (const block of open.toSorted((a, b) => a - b)) {
      if (block > from) done = withBlocks(done, [from, block]);
      from = block + 1;
    }
    if (from < blocks) done = withBlocks(done, [from, blocks]);
    return { part, filenode, blocks, done };
  });
}
