import databases, { isSQLError, sql } from '@databases/pg';
import type { ConnectionPool, Transaction } from '@databases/pg';
import { NotNow } from '../contracts/cannot-run.ts';
import type { TableContract } from '../contracts/contract.ts';
import { wordsOf } from '../contracts/error-words.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import { compact } from './compact.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import type { TableChanges } from './compact.ts';
import { lsnText } from '../schemas/lsn.ts';
import { positionText } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { textArray, writeTable } from './postgres-write.ts';
import { isInTheWay, writeApart } from './postgres-apart.ts';
import { type MirrorPlan, planTables, type SourceTypes } from './postgres-plan.ts';
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
  /** As the source has them by now: a column that is kept is to hold them, too. */
  readonly source?: SourceTypes;
  /** Told of what was done to the mirror's tables, and what was left as it is. */
  readonly planned?: (plan: MirrorPlan) => void;
};

interface Mirror {
  readonly db: ConnectionPool;
  readonly tables: ReadonlyMap<string, MirrorTable>;
}

/**
 * Keeps a copy of every table under contract, in the same schema and under the same name: each row
 * at its newest position, data and offsets in one transaction, whoever else writes at once.
 */
export async function mirror(options: MirrorOptions): Promise<Sink<GovernedRecord>> {
  const { db, tables } = await openMirror(options);
  return {
    name: options.name ?? 'postgres',
    write: (batch) => writeBatch((write) => besideOthers(() => db.tx(write)), tables, batch),
    [Symbol.asyncDispose]: () => db.dispose(),
  };
}

/** Connects to a mirror, and brings its tables into being. */
export const openMirror = (options: MirrorOptions): Promise<Mirror> =>
  connected(options, async (db) => {
    const { contracts, source = new Map() } = options;
    const { tables, ...plan } = await besideOthers(() => openTables(db, contracts, source));
    options.planned?.(plan);
    return { db, tables };
  });

/** What opening the mirror would do. */
export const planMirror = (options: MirrorOptions): Promise<MirrorPlan> =>
  connected(options, async (db) => {
    const plan = await planTables(db, options.contracts, options.source ?? new Map());
    await db.dispose();
    return plan;
  });

/** Does what opening the mirror does to its tables, and no more. */
export async function alterMirror(options: MirrorOptions): Promise<MirrorPlan> {
  let done: MirrorPlan = { steps: [], left: [] };
  const { db } = await openMirror({ ...options, planned: (plan) => void (done = plan) });
  await db.dispose();
  return done;
}

async function connected<T>(
  options: MirrorOptions,
  use: (db: ConnectionPool) => Promise<T>,
): Promise<T> {
  const db = databases.default({
    ...serverOf(options),
    applicationName: 'conductor',
    bigIntMode: 'string',
    poolSize: 4,
    onError: () => {}, // An idle connection that breaks is replaced; a busy one rejects its query.
  });
  try {
    return await use(db);
  } catch (cause) {
    await db.dispose();
    throw unopened(options, cause);
  }
}

/** Writes a batch by a transaction, or a part of one, that is done again where rows are in each other's way. */
export async function writeBatch(
  transact: (write: (tx: Transaction) => Promise<void>) => Promise<void>,
  tables: ReadonlyMap<string, MirrorTable>,
  batch: readonly GovernedRecord[],
): Promise<void> {
  if (batch.length === 0) return;
  const all = compact(batch.map(changeOf));
  const planned = all.map((changes) => {
    const table = tables.get(changes.table);
    if (table) return { table, changes };
    throw new Refusal('no-contract', `table ${changes.table}: the mirror has no contract for it`);
  });
  let at = all[0]?.table ?? '';
  const apart = new Set<string>(); // Tables whose rows are in each other's way.
  const write = async (tx: Transaction) => {
    await lock(tx, all);
    for (const { table, changes } of planned) {
      at = table.name;
      if (!apart.has(at) || !(await writeApart(tx, table, changes)))
        await writeTable(tx, table, changes);
    }
    await saveOffsets(tx, all);
  };
  for (;;)
    try {
      return await transact(write);
    } catch (error) {
      if (!isInTheWay(error) || apart.has(at)) throw refusalOf(at, error) ?? error;
      apart.add(at);
    }
}

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

/**
 * Changes of a key share a lane, and a truncate concerns all lanes of its table: so a lane at a
 * time, or the whole table. Always in the same order, so that two workers never wait in a ring.
 */
async function lock(tx: Transaction, all: readonly TableChanges[]): Promise<void> {
  const wanted = all.flatMap(({ table, truncated, newest }) => [
    { name: table, shared: truncated === null },
    ...newest
      .map(({ lane }) => lane)
      .sort((a, b) => a - b)
      .map((lane) => ({ name: `${table}/${lane}`, shared: false })),
  ]);
  await tx.query(sql`
    SELECT (CASE WHEN i.shared
      THEN pg_advisory_xact_lock_shared(hashtextextended('conductor/' || i.name, 0))
      ELSE pg_advisory_xact_lock(hashtextextended('conductor/' || i.name, 0)) END)::text
    FROM unnest(${textArray(wanted.map(({ name }) => name))}::text[],
      ${textArray(wanted.map(({ shared }) => shared))}::boolean[]) AS i(name, shared)`);
}

async function saveOffsets(tx: Transaction, all: readonly TableChanges[]): Promise<void> {
  const newest = all.flatMap((changes) => changes.newest);
  await tx.query(sql`
    INSERT INTO cdc_offsets AS o (stream, lsn, position)
    SELECT * FROM unnest(
      ${textArray(newest.map(({ table, lane }) => `${table}/${lane}`))}::text[],
      ${textArray(newest.map(({ position }) => lsnText(position.lsn)))}::text[],
      ${textArray(newest.map(({ position }) => positionText(position)))}::text[])
    ON CONFLICT (stream) DO UPDATE
      SET lsn = excluded.lsn, position = excluded.position, updated_at = now()
      WHERE coalesce(o.position, '') < excluded.position`);
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
    isInTheWay: isInTheWay(error),
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
