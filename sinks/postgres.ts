import databases, { isSQLError } from '@databases/pg';
import type { ConnectionPool, Transaction } from '@databases/pg';
import type { TableContract } from '../contracts/contract.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import { compact } from './compact.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import type { TableChanges } from './compact.ts';
import { Refusal } from '../schemas/refusal.ts';
import { writeTable } from './postgres-write.ts';
import { isInTheWay, writeApart } from './postgres-apart.ts';
import { copying } from './postgres-copying.ts';
import { offsetsOf, streamOf } from './lane-offsets.ts';
import { lock, saveOffsets } from './postgres-lanes.ts';
import { type MirrorPlan, planTables, type SourceTypes } from './postgres-plan.ts';
import { longestIdleMs, type MirrorServer, serverOf, unopened } from './postgres-server.ts';
import { openTables } from './postgres-tables.ts';
import type { MirrorTable } from './postgres-tables.ts';

export type MirrorOptions = MirrorServer & {
  readonly contracts: readonly TableContract[];
  readonly name?: string;
  /** As the source has them by now: a column that is kept is to hold them, too. */
  readonly source?: SourceTypes;
  /** Told of what was done to the mirror's tables, and what was left as it is. */
  readonly planned?: (plan: MirrorPlan) => void;
  readonly fewestCopied?: number; // Fewer rows of a table are cheaper as parameters of one statement than by COPY.
  readonly idleMs?: number; // So long a transaction may say nothing before the server ends it.
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
  const copy = copying(options, tables);
  const idle = { idleInTransactionSessionTimeoutMilliseconds: options.idleMs ?? longestIdleMs };
  return {
    name: options.name ?? 'postgres',
    prepare: (batch) => copy.prepare(batch),
    async write(batch, meanwhile) {
      if (batch.length === 0) return;
      if (!(await copy.write(batch, meanwhile)))
        await writeBatch(
          (write) => besideOthers(() => db.tx((tx) => struck(write, tx), idle)),
          tables,
          batch,
        );
      failpoint('written');
    },
    async [Symbol.asyncDispose]() {
      await copy.end();
      await db.dispose();
    },
  };
}

/** Connects to a mirror, and brings its tables into being. */
export const openMirror = (options: MirrorOptions): Promise<Mirror> =>
  connected(options, async (db) => {
    const { contracts, source = new Map(), idleMs = longestIdleMs } = options;
    const { tables, ...plan } = await besideOthers(() => openTables(db, contracts, source, idleMs));
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
  const offsets = offsetsOf(batch);
  const reached = all
    .flatMap(({ newest }) => newest)
    .map((each) => ({ ...each, offset: offsets.get(streamOf(each.table, each.lane)) ?? null }));
  const planned = all.map((changes) => {
    const table = tables.get(changes.table);
    if (table) return { table, changes };
    throw new Refusal('no-contract', `table ${changes.table}: the mirror has no contract for it`);
  });
  let at = all[0]?.table ?? '';
  const apart = new Set<string>(); // Tables whose rows are in each other's way.
  const write = async (tx: Transaction) => {
    await lock(tx, all.map(written));
    for (const { table, changes } of planned) {
      at = table.name;
      if (!apart.has(at) || !(await writeApart(tx, table, changes)))
        await writeTable(tx, table, changes);
    }
    await saveOffsets(tx, reached);
  };
  for (;;)
    try {
      return await transact(write);
    } catch (error) {
      if (!isInTheWay(error) || apart.has(at)) throw refusalOf(at, error) ?? error;
      apart.add(at);
    }
}

async function struck(write: (tx: Transaction) => Promise<void>, tx: Transaction): Promise<void> {
  await write(tx);
  failpoint('writing');
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
    isInTheWay: isInTheWay(error),
  });
}
