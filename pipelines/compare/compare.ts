import { setTimeout as wait } from 'node:timers/promises';
import type { BaseOptions } from '@platformatic/kafka';
import type pg from 'pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { changesTopic } from '../../contracts/topics.ts';
import { bigOf, serverHash } from '../../processors/server-hash.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { copyClient } from '../backfill/copy-out.ts';
import { describeTable } from '../backfill/described.ts';
import { Seen } from '../backfill/seen.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import type { Checkpoints } from '../wal/checkpoint.ts';
import { type ComparedColumn, comparedColumns } from './compared-column.ts';
import { foldLane } from './fold-lane.ts';
import { SourceRows, type Sums } from './source-rows.ts';
import { TopicRows } from './topic-rows.ts';

export interface Comparing {
  readonly url: string; // Of the source itself: a standby does not tell what its snapshots see.
  readonly database: string;
  readonly publication: string;
  readonly stream: string;
  readonly contract: TableContract;
  readonly checkpoints: Checkpoints;
  readonly kafka: BaseOptions;
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
  readonly missing: number; // Rows that the topic does not have,
  readonly extra: number; // has though they are gone,
  readonly different: number; // and has otherwise.
  readonly withheld: number; // Changes whose subject was erased.
  /** Up to ten keys that differ, as keyed hashes. */
  readonly examples: readonly string[];
}

const keysAtOnce = 1_000_000; // Of one lane, in memory.
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
    const topic = await foldAll(comparing, { records, seen, copiedBefore, columns, rows: sums.rows });
    const found = await topic.against(source, sums, comparing.condition);
    const name = namesOf(comparing.keyring, table);
    const { examples, ...counts } = found;
    return {
      table,
      source: sums,
      topic: topic.sums,
      withheld: topic.withheld,
      ...counts,
      examples: examples.map(name),
    };
  } finally {
    await records[Symbol.asyncDispose]();
    await client.end();
  }
}

interface FoldAll {
  readonly records: LaneRecords;
  readonly seen: Seen;
  readonly copiedBefore: readonly bigint[];
  readonly columns: readonly ComparedColumn[];
  readonly rows: number;
}

async function foldAll(comparing: Comparing, fold: FoldAll): Promise<TopicRows> {
  const { contract, registry, keyring } = comparing;
  const { records, seen, copiedBefore, columns, rows } = fold;
  const folding = {
    table: contract.table,
    columns,
    records,
    registry,
    open: unsealing(keyring, () => {}),
    seen,
  };
  const starts = await records.bounds('start');
  const ends = await records.bounds('end');
  const shares = Math.max(1, Math.ceil(rows / ends.length / keysAtOnce));
  const inKey = columns.map((column) => column.inKey);
  const topic = new TopicRows(rows, starts.every((start) => start === 0n));
  for (const [partition, to] of ends.entries()) {
    const from = starts[partition] ?? 0n;
    for (let share = 0; share < shares && from < to; share++) {
      const expected = Math.min(Number(to - from), Math.ceil((rows / ends.length / shares) * 1.1));
      const { keys, withheld } = await foldLane(folding, {
        partition,
        from,
        copiedBefore: copiedBefore[partition] ?? 0n,
        to,
        share: [share, shares],
        expected,
      });
      topic.add(keys, columns.map(() => true), inKey, withheld);
    }
  }
  return topic;
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
    await client.end();
  }
  const deadline = performance.now() + patienceMs;
  while (((await checkpoints.read(stream))?.lsn ?? 0n) < end) {
    if (performance.now() > deadline) throw behind(stream);
    await wait(100);
  }
}

const namesOf = (keyring: Keyring, table: string) => {
  const token = tokeniser(keyring);
  return (key: bigint) => token('', `compare ${table}`, key);
};

/** Whether the server hashes as we do. */
async function checkHash(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ hash: string }>(
    `SELECT hashtextextended('conductor' COLLATE "C", 7)::text AS hash`,
  );
  const bytes = Buffer.from('conductor');
  const ours = { high: 0, low: 0 };
  serverHash(bytes, 0, bytes.length, 7, ours);
  if (rows[0]?.hash !== `${bigOf(ours)}`)
    throw new CannotRun({
      what: 'the server hashes otherwise than we do: its bytes lie the other way round',
      where: 'source.url',
      fix: 'compare the sinks with the source instead',
    });
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
