import databases, { isSQLError } from '@databases/pg';
import type { ConnectionPool, Transaction } from '@databases/pg';
import { NotNow } from '../contracts/cannot-run.ts';
import type { TableContract } from '../contracts/contract.ts';
import { wordsOf } from '../contracts/error-words.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import { compact } from './compact.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import type { TableChanges } from './compact.ts';
import { Refusal } from '../schemas/refusal.ts';
import { CopyPool } from './postgres-copy.ts';
import { lock, type Offsets, offsetsOf, saveOffsets } from './postgres-lanes.ts';
import { Sorter } from './postgres-sort.ts';
import { writeSorted } from './postgres-sorted.ts';
import { writeTable } from './postgres-write.ts';
import { openTables } from './postgres-tables.ts';
import type { MirrorTable } from './postgres-tables.ts';

/** Where the mirror is: a connection string, or its parts. */
export type MirrorServer =
  | { readonly connectionString: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
    };

export type MirrorOptions = MirrorServer & {
  readonly contracts: readonly TableContract[];
  readonly name?: string;
  readonly fewestCopied?: number; // Fewer rows of a table are cheaper as parameters of one statement than by COPY.
};

/**
 * Keeps a copy of every table under contract, in the same schema and under the same name: each row
 * at its newest position, data and offsets in one transaction, whoever else writes at once.
 */
export async function mirror(options: MirrorOptions): Promise<Sink<GovernedRecord>> {
  const db = databases.default({
    ...serverOf(options),
    applicationName: 'conductor',
    bigIntMode: 'string',
    poolSize: 4,
    onError: () => {}, // An idle connection that breaks is replaced; a busy one rejects its query.
  });
  let tables: ReadonlyMap<string, MirrorTable>;
  try {
    tables = await besideOthers(() => openTables(db, options.contracts));
  } catch (cause) {
    await db.dispose();
    throw unopened(options, cause);
  }
  const copy = copying(options, tables);
  return {
    name: options.name ?? 'postgres',
    async write(batch) {
      if (batch.length === 0 || (await copy.write(batch))) return;
      await writeChanges(db, tables, compact(batch.map(changeOf)), offsetsOf(batch));
    },
    async [Symbol.asyncDispose]() {
      await copy.end();
      await db.dispose();
    },
  };
}

/** Writes by COPY what can be; false, and nothing written, of a batch that is to be written as changes. */
function copying(options: MirrorOptions, tables: ReadonlyMap<string, MirrorTable>) {
  const { fewestCopied = 100 } = options;
  const pool = new CopyPool(serverOf(options));
  const sorter = new Sorter(tables, fewestCopied);
  let isAllowed = true;
  return {
    async write(batch: readonly GovernedRecord[]): Promise<boolean> {
      if (!isAllowed || batch.length < fewestCopied) return false;
      const sorted = sorter.sort(batch);
      try {
        if (sorted.every(({ copies }) => copies.length === 0)) return false;
        await pool.transact((tx) => writeSorted(tx, sorted));
        return true;
      } catch (error) {
        if (!(error instanceof Refusal) && !mayPassAsChanges(error)) throw error;
        if (isSQLError(error) && error.code === notAllowed) isAllowed = false;
        return false;
      } finally {
        sorter.release(sorted);
      }
    },
    end: () => pool.end(),
  };
}

const notAllowed = '42501'; // To make temporary tables.

/** What the server says of data, names or rights, or of who was in the way: it may say otherwise of changes, or exactly of what. */
const mayPassAsChanges = (error: unknown): boolean =>
  isSQLError(error) && /^(?:0A|2[123]|40|42|54)/.test(error.code);

async function writeChanges(
  db: ConnectionPool,
  tables: ReadonlyMap<string, MirrorTable>,
  all: readonly TableChanges[],
  offsets: Offsets,
): Promise<void> {
  const planned = all.map((changes) => {
    const table = tables.get(changes.table);
    if (table) return { table, changes };
    throw new Refusal('no-contract', `table ${changes.table}: the mirror has no contract for it`);
  });
  let at = all[0]?.table ?? '';
  const write = async (tx: Transaction) => {
    await lock(tx, all.map(written));
    for (const { table, changes } of planned) {
      at = table.name;
      await writeTable(tx, table, changes);
    }
    const newest = all.flatMap((changes) => changes.newest);
    await saveOffsets(tx, newest, offsets);
  };
  try {
    await besideOthers(() => db.tx(write));
  } catch (error) {
    throw refusalOf(at, error) ?? error;
  }
}

const written = ({ table, truncated, newest }: TableChanges) => ({
  table,
  isTruncated: truncated !== null,
  lanes: newest.map(({ lane }) => lane),
});

const tries = 3;

/** Does it again where another worker was in its way: one that opens alters tables that others write to. */
async function besideOthers<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === tries || !isContention(error)) throw error;
    }
  }
}

const isContention = (error: unknown): boolean =>
  isSQLError(error) && (error.code === '40001' || error.code === '40P01');

/** What a database says about data may quote it: only names are taken over. */
function refusalOf(table: string, error: unknown): Refusal | null {
  if (!isSQLError(error)) return null;
  const { code, column, constraint } = error;
  const aboutData = /^2[123]/.test(code) || code === '54000';
  if (!aboutData) return null;
  const place = [column && `column ${column}`, constraint && `constraint ${constraint}`]
    .filter(Boolean)
    .join(', ');
  const what = `SQLSTATE ${code}${place && ` (${place})`}`;
  return new Refusal('rejected-by-sink', `table ${table}: ${what}`, {
    cause: Object.assign(new Error(what), { code }),
  });
}

function serverOf(options: MirrorOptions) {
  if ('connectionString' in options) return postgresLogin(options.connectionString);
  const { host, port, user, password, database } = options;
  return { host, port, user, password, database };
}

function unopened(options: MirrorOptions, cause: unknown): Error {
  const { host, port, user, database } =
    'connectionString' in options ? partsOf(options.connectionString) : options;
  const code = codeOf(cause);
  const said = wordsOf(cause) || code;
  const fix = fixes.find(([pattern]) => pattern.test(code))?.[1];
  const what = `cannot open the Postgres mirror ${database} at ${host}:${port} as ${user}: ${said.trim().split('\n')[0]}`;
  const mend =
    fix?.({ user, database }) ?? 'mend what it says, or correct the settings of this sink';
  return new NotNow({ what, where: 'sinks.postgres', fix: mend }, { cause });
}

const fixes: readonly (readonly [
  RegExp,
  (at: { readonly user: string; readonly database: string }) => string,
])[] = [
  [/^28/, () => 'correct the user and password, or allow the user in pg_hba.conf'],
  [/^3D000$/, ({ database, user }) => `CREATE DATABASE "${database}" OWNER "${user}";`],
  [
    /^42501$/,
    ({ database, user }) =>
      `GRANT CREATE ON DATABASE "${database}" TO "${user}"; GRANT USAGE, CREATE ON SCHEMA public TO "${user}"; and let it own the mirror's tables`,
  ],
  [/^53300$/, () => 'raise max_connections, or stop clients that are not needed'],
  [/^(E[A-Z]+|57P03)$/, () => 'start the server, or correct the host and port'],
];

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';

function partsOf(connectionString: string) {
  const url = URL.parse(connectionString);
  return {
    host: url?.hostname || 'localhost',
    port: url?.port || 5432,
    user: decodeURIComponent(url?.username ?? ''),
    database: url?.pathname.slice(1) ?? '',
  };
}
