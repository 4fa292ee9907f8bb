import neo4j, { type Driver } from 'neo4j-driver';
import { NotNow } from '../contracts/cannot-run.ts';
import type { TableContract } from '../contracts/contract.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import { compact } from './compact.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import { graphTables } from './neo4j-tables.ts';
import type { GraphTable } from './neo4j-tables.ts';
import { type Batch, clearOlder, writeBatch } from './neo4j-batch.ts';
import { codeOf, constraintViolated, Contention, type Place, transact } from './neo4j-transact.ts';
import { offsetsOf } from './lane-offsets.ts';

export interface GraphOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database?: string;
  readonly contracts: readonly TableContract[];
  readonly name?: string;
  /** Told each time that a transaction begins again, because another one had what it wanted. */
  readonly contended?: () => void;
  readonly longestMs?: number; // So long a transaction may last before the server ends it.
}

/** A worker that was stopped, or is gone without a word, holds its lanes no longer; what a batch takes is far from that. */
const longestTransactionMs = 120_000;

/**
 * Keeps a node per row of every table with a graph mapping, and a relationship per foreign key of
 * it. The graph depends on the rows alone, not on the order in which they came: a row that is not
 * there is a stub, without `_position`, for as long as another refers to it.
 */
export async function graph(options: GraphOptions): Promise<Sink<GovernedRecord>> {
  const tables = graphTables(options.contracts);
  const { url, user, password } = options;
  const database = options.database ?? 'neo4j';
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
    useBigInt: true,
    connectionTimeout: 5_000,
    maxTransactionRetryTime: 10_000,
    userAgent: 'conductor',
  });
  const { contended = () => {}, longestMs = longestTransactionMs } = options;
  const place = { driver, database, contended, longestMs };
  const belied = new Set<string>(); // Tables in which a copy, or a letter, had brought what an insert said was new.
  try {
    await driver.verifyConnectivity({ database }); // At once, where a query would try again for long.
    await createConstraints(driver, database, tables);
  } catch (cause) {
    await driver.close();
    throw unopened({ ...options, database }, cause);
  }
  return {
    name: options.name ?? 'neo4j',
    async write(batch) {
      const own = batch.filter(({ table }) => tables.has(table));
      if (own.length === 0) return;
      await writeChanges(place, tables, {
        all: compact(own.map(changeOf)),
        offsets: offsetsOf(own),
        belied,
      });
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}

async function createConstraints(
  driver: Driver,
  database: string,
  tables: ReadonlyMap<string, GraphTable>,
): Promise<void> {
  const run = (query: string) => driver.executeQuery(query, {}, { database });
  const own = ['(n:CdcTombstone) REQUIRE n.pk', '(n:CdcOffset) REQUIRE n.stream'];
  const mapped = [...tables.values()].map((table) =>
    table.kind === 'nodes' ? `(n:${table.label})` : `()-[n:${table.type}]-()`,
  );
  for (const each of [...own, ...mapped.map((them) => `${them} REQUIRE n._key`)])
    await run(`CREATE CONSTRAINT IF NOT EXISTS FOR ${each} IS UNIQUE`);
  await run('CALL db.awaitIndexes(300)');
}

/** Everything in one transaction, but for rows that a truncate ends: there may be any number of those. */
async function writeChanges(
  place: Place,
  tables: ReadonlyMap<string, GraphTable>,
  batch: Batch,
): Promise<void> {
  await transact(place, async (tx, at) => {
    await believing(batch, (tell) => writeBatch(tx, tables, batch, tell), at);
    failpoint('writing');
  });
  failpoint('written');
  // Below the floor that is now set nothing comes back; should this stop half-way, the batch comes again.
  for (const { table: name, truncated } of batch.all) {
    const table = tables.get(name);
    if (!table || !truncated) continue;
    const older = { at: truncated.at, limit: 5_000 };
    let ended = older.limit;
    while (ended === older.limit)
      ended = await transact(place, (tx) => clearOlder(tx, table, older));
  }
}

/** Believes inserts that nothing has their key. Where something has, they are believed no more, and it begins again. */
async function believing(
  { belied }: Batch,
  work: (at: (table: string) => void) => Promise<void>,
  at: (table: string) => void,
): Promise<void> {
  let table = '';
  try {
    await work((name) => at((table = name)));
  } catch (cause) {
    if (codeOf(cause) !== constraintViolated || belied.has(table)) throw cause;
    belied.add(table);
    throw new Contention('something had the key of a new row', { cause });
  }
}

function unopened(options: GraphOptions, cause: unknown): Error {
  const said = cause instanceof Error ? cause.message : String(cause);
  const fix = fixes.find(([pattern]) => pattern.test(codeOf(cause)))?.[1];
  const what = `cannot open the Neo4j graph ${options.database} at ${options.url} as ${options.user}: ${said.trim().split('\n')[0]}`;
  const mend = fix ?? 'mend what it says, or correct the settings of this sink';
  return new NotNow({ what, where: 'sinks.neo4j', fix: mend }, { cause });
}

const fixes: readonly (readonly [RegExp, string])[] = [
  [/Security\.(Unauthorized|Authentication)/, 'correct the user and password'],
  [/Security\.Forbidden/, 'let the user write, and create constraints and names (role architect)'],
  [/DatabaseNotFound/, 'correct the name of the database, or create it'],
  [/^(ServiceUnavailable|SessionExpired)$/, 'start the server, or correct the host and port'],
  [/ConstraintCreationFailed/, 'remove what stands twice under that label and _key'],
];
