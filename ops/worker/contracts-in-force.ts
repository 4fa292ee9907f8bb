import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { contractChanges, unannounced } from '../../contracts/contract-diff.ts';
import type { PromisedTable } from '../../contracts/odcs-document.ts';
import { promisesIn, type Written, writtenIn } from '../../contracts/read-promises.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { changeText } from '../contract/compared.ts';

/** The contracts of a configuration, by table, and the documents that they are in. */
export type InForce = ReadonlyMap<string, PromisedTable & { readonly text: string }>;

/**
 * Refuses to run by contracts that break what those in force promise, unless they say so by a new major version
 * or somebody has accepted them; returns those that may be run by.
 */
export const holdToContracts = (config: Config): Promise<InForce> =>
  inState(config, async (db) => {
    const { before, now } = await held(db, config);
    const tables = unannounced([...before.values()], [...now.values()]);
    if (tables.length > 0) throw broken(config, tables, before, now);
    return now;
  });

/** Puts contracts in force: a pipeline runs by them, so that they fit the source. */
export const runsByContracts = (config: Config, contracts: InForce): Promise<void> =>
  inState(config, (db) => putInForce(db, config, contracts));

/** Puts the contracts of a configuration in force, whatever they break; returns the tables whose contract did. */
export const acceptContracts = (config: Config): Promise<readonly string[]> =>
  inState(config, async (db) => {
    const { before, now } = await held(db, config);
    await putInForce(db, config, now);
    const gone = [...before.keys()].filter((table) => !now.has(table));
    await db.query(sql`
      DELETE FROM conductor_contracts
      WHERE stream = ${streamOf(config)} AND table_name = ANY(${gone}::text[])`);
    return unannounced([...before.values()], [...now.values()]);
  });

const streamOf = ({ database, source }: Config): string => `${database}/${source.slot}`;

async function held(
  db: Queryable,
  config: Config,
): Promise<{ readonly before: InForce; readonly now: InForce }> {
  const rows = (await db.query(sql`
    SELECT table_name AS "table", document AS text FROM conductor_contracts
    WHERE stream = ${streamOf(config)}`)) as readonly {
    readonly table: string;
    readonly text: string;
  }[];
  // A document that an older release took and this one does not is nothing that could be held to.
  const before = rows.flatMap(({ table, text }) =>
    tablesOf({ name: table, text }).filter(({ physicalName }) => physicalName === table),
  );
  const now = (await writtenIn(config.contracts)).flatMap(tablesOf);
  return { before: byName(before), now: byName(now) };
}

const tablesOf = (written: Written) =>
  promisesIn([written]).tables.map((table) => ({ ...table, text: written.text }));

const byName = (tables: readonly (PromisedTable & { readonly text: string })[]): InForce =>
  new Map(tables.map((table) => [table.physicalName, table]));

async function putInForce(db: Queryable, config: Config, now: InForce): Promise<void> {
  for (const [table, { text }] of now)
    await db.query(sql`
      INSERT INTO conductor_contracts (stream, table_name, document)
      VALUES (${streamOf(config)}, ${table}, ${text})
      ON CONFLICT (stream, table_name) DO UPDATE SET document = excluded.document, since = now()
      WHERE conductor_contracts.document <> excluded.document`);
}

const mostTold = 10;

function broken(
  config: Config,
  tables: readonly string[],
  before: InForce,
  now: InForce,
): CannotRun {
  const changes = contractChanges([...before.values()], [...now.values()]).filter(
    ({ table, breaks }) => breaks !== null && tables.includes(table),
  );
  const told = changes.slice(0, mostTold).map((change) => `\n  ${changeText(change)}`);
  const more = changes.length > mostTold ? `\n  and ${changes.length - mostTold} more` : '';
  return new CannotRun({
    what: `the contracts break what those in force promise:${told.join('')}${more}`,
    where: `${config.contracts}, against conductor_contracts in state.url, stream ${streamOf(config)}`,
    fix: 'give what breaks a new major version, for example version: 2.0.0, or say that it is meant: conductor contract accept',
  });
}

/** One at a time: the pipelines of a worker start together. */
async function inState<T>(config: Config, work: (db: Queryable) => Promise<T>): Promise<T> {
  const { url } = config.state;
  const db: ConnectionPool = ownPool(url, { name: 'conductor contracts', size: 1 });
  try {
    return await db.tx(async (tx) => {
      await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_contracts'))`);
      await tx.query(sql`
        CREATE TABLE IF NOT EXISTS conductor_contracts (
          stream text NOT NULL,
          table_name text NOT NULL,
          document text NOT NULL,
          since timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (stream, table_name))`);
      return work(tx);
    });
  } catch (error) {
    throw error instanceof CannotRun ? error : postgresTrouble(error, 'state.url', url);
  } finally {
    await partFrom(db);
  }
}
