import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { changesTopic } from '../../contracts/topics.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { copyClient } from '../backfill/copy-out.ts';
import { describeTable } from '../backfill/described.ts';
import { Seen } from '../backfill/seen.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import type { Checkpoints } from '../wal/checkpoint.ts';
import { hangUp } from '../wal/own-pool.ts';
import { comparedColumns } from './compared-column.ts';
import { foldTopic } from './fold-topic.ts';
import { checkHash } from './same-hash.ts';
import { type SourceRow, SourceRows, type Sums } from './source-rows.ts';
import type { TopicRows } from './topic-rows.ts';

export interface Comparing {
  readonly url: string; // Of the source itself: a standby does not tell what its snapshots see.
  readonly database: string;
  readonly publication: string;
  readonly stream: string;
  readonly contract: TableContract;
  readonly checkpoints: Checkpoints;
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly keyring: Keyring;
  /** The rows that are to be in the topic at least; null for all. */
  readonly condition: string | null;
}

/** What came of holding a table against its topic. */
export interface Compared {
  readonly table: string;
  readonly equal: boolean;
  readonly source: Sums;
  readonly topic: Sums;
  /** The topic does not reach back to the beginning any more, or only some rows were asked for: only what it holds was compared. */
  readonly partial: boolean;
  /** The publication leaves rows out: another capture may have brought what is extra. */
  readonly filtered: boolean;
  readonly missing: number; // Rows that the topic does not have,
  readonly extra: number; // has though they are gone,
  readonly different: number; // and has otherwise.
  readonly withheld: number; // Changes whose subject was erased.
  /** Up to ten keys that differ, as keyed hashes. */
  readonly examples: readonly string[];
}

const patienceMs = 60_000;

/** Holds a table against what its topic comes to, as of one snapshot of the source. */
export async function compareTable(comparing: Comparing): Promise<Compared> {
  const { url, contract, publication } = comparing;
  const { table } = contract;
  if (contract.key.length === 0) throw keyless(table);
  const client = await copyClient(url);
  const records = new LaneRecords(comparing.kafka, changesTopic(comparing.database, table));
  try {
    await checkHash(client);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<{ snapshot: string }>(
      'SELECT pg_current_snapshot()::text AS snapshot',
    );
    const seen = new Seen(rows[0]?.snapshot ?? '');
    const copiedBefore = await records.bounds('end');
    await streamed(comparing);
    const described = await describeTable(client, table, publication);
    if (!described) throw unpublished(table, publication);
    const columns = comparedColumns(contract, described);
    const source = new SourceRows(client, described, columns);
    const sums = await source.sums();
    const topic = await foldTopic(comparing, {
      records,
      seen,
      copiedBefore,
      columns,
      rows: sums.rows,
    });
    const held = await heldAgainst(comparing, source, { sums, topic });
    return { ...held, filtered: described.filter !== null };
  } finally {
    await records[Symbol.asyncDispose]();
    await hangUp(client);
  }
}

const mostExamples = 10;

/** Row by row only if the sums differ. */
async function heldAgainst(
  { contract: { table }, keyring, condition }: Comparing,
  source: SourceRows,
  { sums, topic }: { readonly sums: Sums; readonly topic: TopicRows },
): Promise<Omit<Compared, 'filtered'>> {
  const same = sums.rows === topic.sums.rows && sums.checksum === topic.sums.checksum;
  const partial = !topic.isWhole || condition !== null;
  const isWanted = ({ wanted }: SourceRow) => !partial || (condition !== null && wanted);
  const token = tokeniser(keyring)({ name: `compare ${table}`, form: null });
  const examples: string[] = [];
  const note = (key: bigint) => {
    if (examples.length < mostExamples) examples.push(token('', key));
  };
  const found = same
    ? { missing: 0, extra: 0, different: 0 }
    : await topic.against(source, condition, isWanted, {
        differs: ({ key }) => note(key),
        extra: note,
      });
  const equal = found.missing + found.extra + found.different === 0;
  const { withheld } = topic;
  return { table, equal, source: sums, topic: topic.sums, partial, ...found, withheld, examples };
}

/** Waits until the topic has all that the snapshot, which was just taken, can see. */
async function streamed({ url, stream, checkpoints }: Comparing): Promise<void> {
  const client = await copyClient(url);
  let end: bigint;
  try {
    await client.query("SELECT pg_logical_emit_message(true, 'conductor.compare', '')"); // Its commit is flushed, with all before it.
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn',
    );
    end = parseLsn(rows[0]?.lsn ?? '0/0');
  } finally {
    await hangUp(client);
  }
  const deadline = performance.now() + patienceMs;
  while (((await checkpoints.read(stream))?.lsn ?? 0n) < end) {
    if (performance.now() > deadline) throw behind(stream);
    await wait(100);
  }
}

const keyless = (table: string) =>
  new CannotRun({
    what: `table ${table} has no key: its rows cannot be told apart`,
    where: 'its contract',
    fix: 'give it a primary key',
  });

const unpublished = (table: string, publication: string) =>
  new CannotRun({
    what: `table ${table} is not published`,
    where: `publication ${publication}`,
    fix: `ALTER PUBLICATION ${publication} ADD TABLE ${table}`,
  });

const behind = (stream: string) =>
  new CannotRun({
    what: `capture has not come to where the table was looked at, within ${patienceMs / 1_000} s`,
    where: `stream ${stream}`,
    fix: 'run it (conductor run capture), let it catch up (conductor lag), and compare again',
  });
