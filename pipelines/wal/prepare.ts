import { setTimeout as wait } from 'node:timers/promises';
import databases, { type ConnectionPool, isSQLError, sql, SQLErrorCode } from '@databases/pg';
import { CannotRun, NotNow, publicUrl } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';
import { postgresTrouble } from './postgres-trouble.ts';
import { checkTables } from './tables.ts';

const patienceMs = 5_000;

export interface Preparing {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly stream: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly checkpoints: Checkpoints;
}

export interface Prepared {
  readonly from: Checkpoint;
  readonly head: bigint; // Where the WAL ended when it was looked at.
  readonly unknownColumns: readonly string[]; // Sealed and dropped until a contract names them.
}

/**
 * Makes sure that the source can be captured, creating the publication and the slot if they are not
 * there, and tells where to begin. Whatever is in the way is said with its fix.
 */
export async function prepareSource(preparing: Preparing): Promise<Prepared> {
  const { url } = preparing;
  const db = databases.default({
    connectionString: url,
    poolSize: 1,
    bigIntMode: 'string',
    onError: () => {},
  });
  try {
    await checkServer(db, url);
    const unknownColumns = await checkTables(db, preparing.contracts);
    await ensurePublication(db, preparing);
    const from = await startingPoint(db, preparing);
    const [{ head }] = (await db.query(sql`SELECT pg_current_wal_flush_lsn()::text AS head`)) as [
      { head: string },
    ];
    return { from, head: parseLsn(head), unknownColumns };
  } catch (error) {
    throw error instanceof CannotRun ? error : postgresTrouble(error, 'source.url', url);
  } finally {
    await db.dispose();
  }
}

async function checkServer(db: ConnectionPool, url: string): Promise<void> {
  const [server] = (await db.query(sql`
    SELECT current_setting('wal_level') AS level,
           current_setting('server_version_num')::int AS version,
           rolreplication OR rolsuper AS replicates, rolname AS role
    FROM pg_roles WHERE rolname = current_user`)) as [
    { level: string; version: number; replicates: boolean; role: string },
  ];
  const where = `source.url = ${publicUrl(url)}`;
  if (server.level !== 'logical')
    throw new CannotRun({
      what: `wal_level is ${server.level}, and capture needs logical`,
      where,
      fix: 'ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL',
    });
  if (!server.replicates)
    throw new CannotRun({
      what: `role ${server.role} may not replicate`,
      where,
      fix: `as a superuser: ALTER ROLE "${server.role}" REPLICATION`,
    });
}

async function ensurePublication(db: ConnectionPool, preparing: Preparing): Promise<void> {
  const { publication, contracts } = preparing;
  const published = (await db.query(
    sql`SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables WHERE pubname = ${publication}`,
  )) as readonly { name: string }[];
  const [there] = await db.query(sql`SELECT 1 FROM pg_publication WHERE pubname = ${publication}`);
  const orphans = published.filter(({ name }) => !contracts.has(name)).map(({ name }) => name);
  if (orphans.length > 0)
    throw new CannotRun({
      what: `published without a contract: ${orphans.join(', ')}`,
      where: `publication ${publication}`,
      fix: `write a contract for each, or ALTER PUBLICATION ${publication} DROP TABLE ${orphans[0]}`,
    });
  const missing = [...contracts.keys()].filter(
    (table) => !published.some(({ name }) => name === table),
  );
  if (missing.length === 0) return;
  const tables = sql.join(missing.map(identifier), ', ');
  const name = sql.ident(publication);
  const statement = there
    ? sql`ALTER PUBLICATION ${name} ADD TABLE ${tables}`
    : sql`CREATE PUBLICATION ${name} FOR TABLE ${tables} WITH (publish_via_partition_root = true)`;
  await db.query(statement).catch((error: unknown) => {
    if (!isSQLError(error) || error.code !== SQLErrorCode.INSUFFICIENT_PRIVILEGE) throw error;
    throw new CannotRun({
      what: `the role may not publish ${missing.join(', ')}`,
      where: `publication ${publication}`,
      fix: `as their owner: ${there ? 'ALTER' : 'CREATE'} PUBLICATION ${publication} ${there ? 'ADD' : 'FOR'} TABLE ${missing.join(', ')}${there ? '' : ' WITH (publish_via_partition_root = true)'}`,
    });
  });
}

async function startingPoint(db: ConnectionPool, preparing: Preparing): Promise<Checkpoint> {
  const { slot, stream, checkpoints } = preparing;
  const found = await idleSlot(db, slot);
  const checkpoint = await checkpoints.read(stream);
  if (!found) return createSlot(db, preparing, checkpoint);

  const where = `replication slot ${slot}`;
  const drop = `SELECT pg_drop_replication_slot('${slot}')`;
  if (!found.ours || found.plugin !== 'pgoutput')
    throw new CannotRun({
      what: `the slot belongs to something else: database ${found.of}, plugin ${found.plugin}`,
      where,
      fix: 'give capture a slot of its own with source.slot',
    });
  if (found.wal === 'lost')
    throw new CannotRun({
      what: 'the server has removed WAL that the slot still needed: changes are missing',
      where,
      fix: `copy the tables anew into the sinks, then ${drop} and remove the checkpoint ${stream} from cdc_offsets`,
    });
  if (!checkpoint)
    throw new CannotRun({
      what: 'the slot is there, but no checkpoint says that it is ours',
      where,
      fix: `if nothing uses it: ${drop}; otherwise give capture another with source.slot`,
    });
  if (checkpoint.lsn === 0n) return { ...checkpoint, lsn: parseLsn(found.confirmed) };
  if (parseLsn(found.confirmed) > checkpoint.lsn)
    throw new CannotRun({
      what: `the slot was advanced to ${found.confirmed} by something else: what lies between is lost to this stream`,
      where,
      fix: `find out what read it; then copy the tables anew and remove the checkpoint ${stream} from cdc_offsets`,
    });
  return checkpoint;
}

interface Slot {
  readonly plugin: string;
  readonly ours: boolean;
  readonly confirmed: string;
  readonly wal: string;
  readonly of: string;
  readonly pid: number | null; // Who reads it now.
}

/** The slot, once nobody reads it: the server may take a moment to see that a killed worker is gone. */
async function idleSlot(db: ConnectionPool, name: string): Promise<Slot | undefined> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const [slot] = (await db.query(sql`
      SELECT plugin, database = current_database() AS ours, confirmed_flush_lsn::text AS confirmed,
             coalesce(wal_status, '') AS wal, database AS of, active_pid AS pid
      FROM pg_replication_slots WHERE slot_name = ${name}`)) as readonly Slot[];
    if (!slot || slot.pid === null) return slot;
    if (performance.now() > deadline)
      throw new NotNow({
        what: `the slot is held by another process (server process ${slot.pid}): two captures on one slot would lose changes`,
        where: `replication slot ${name}`,
        fix: `stop the other worker, or give this one a slot of its own with source.slot; if nothing runs: SELECT pg_terminate_backend(${slot.pid})`,
      });
    await wait(200);
  }
}

/** An entry at zero is written first: whoever dies between the two knows afterwards that the slot is its own. */
async function createSlot(
  db: ConnectionPool,
  { slot, stream, checkpoints }: Preparing,
  checkpoint: Checkpoint | null,
): Promise<Checkpoint> {
  if (checkpoint && checkpoint.lsn > 0n)
    throw new CannotRun({
      what: 'the checkpoint says that changes were captured, but the slot is gone: what was committed since then is missing',
      where: `replication slot ${slot}`,
      fix: `copy the tables anew, then remove the checkpoint ${stream} from cdc_offsets to begin with a new slot`,
    });
  const [{ system, timeline }] = (await db.query(sql`
    SELECT system_identifier::text AS system, timeline_id AS timeline
    FROM pg_control_system(), pg_control_checkpoint()`)) as [{ system: string; timeline: number }];
  const begun = { lsn: 0n, system, timeline, watermark: 0 };
  await checkpoints.write(stream, begun);
  const [{ lsn }] = (await db.query(
    sql`SELECT lsn::text FROM pg_create_logical_replication_slot(${slot}, 'pgoutput')`,
  )) as [{ lsn: string }];
  const created = { ...begun, lsn: parseLsn(lsn) };
  await checkpoints.write(stream, created);
  return created;
}

function identifier(table: string) {
  const dot = table.indexOf('.');
  return sql.ident(table.slice(0, dot), table.slice(dot + 1));
}
