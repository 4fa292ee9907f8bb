import pg from 'pg';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { ownPool, partFrom } from './own-pool.ts';
import { Sender } from './sender.ts';
import type { Server } from './server.ts';
import { createSlot, wantsFailover } from './slot.ts';

/** Where the rows of a table's parts lie: a file each, by the part's quoted name. */
export type Files = Readonly<Record<string, number>>;

/** What a new slot's stream brings: every transaction that its snapshot does not see, and none that it sees. */
export interface SlotStart {
  readonly snapshot: string; // As `pg_current_snapshot()` says it.
  /** By table, the parts of which the stream brings every new version of a row whole, and where they lay. */
  readonly tables: Readonly<Record<string, Files>>;
}

export interface BegunSlot {
  readonly lsn: bigint;
  readonly start: SlotStart | null;
}

/**
 * Creates the slot once every transaction that is open has ended. Where there are `tables` that it is to be
 * told of, it also tells what its stream brings of them; it does not where the server cannot say.
 */
export async function beginSlot(
  settings: SourceSettings,
  server: Server,
  tables: readonly string[],
): Promise<BegunSlot> {
  if (tables.length > 0)
    try {
      return await seenSlot(settings, server, tables);
    } catch (error) {
      if (!isTooLarge(error)) throw error; // And no slot was left behind.
    }
  const db = ownPool(settings.url, { name: 'conductor', size: 1, patient: true });
  try {
    return { lsn: await createSlot(db, settings, server), start: null };
  } finally {
    await partFrom(db);
  }
}

/** Only a WAL sender creates a slot and looks at the database as it is where the slot begins. */
async function seenSlot(
  settings: SourceSettings,
  server: Server,
  tables: readonly string[],
): Promise<BegunSlot> {
  await using sender = await Sender.connect(settings.url, { patient: true });
  await sender.ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const [slot] = await sender.ask(createCommand(settings, server));
  const [seen] = await sender.ask('SELECT pg_current_snapshot()::text AS snapshot');
  const files = await sender.ask(filesQuery(tables));
  await sender.ask('COMMIT');
  return {
    lsn: parseLsn(String(slot?.['consistent_point'])),
    start: {
      snapshot: String(seen?.['snapshot']),
      tables: Object.fromEntries(tables.map((table) => [table, filesOf(table, files)])),
    },
  };
}

function createCommand(settings: SourceSettings, server: Server): string {
  const { slot, twoPhase } = settings;
  const create = `CREATE_REPLICATION_SLOT "${slot}" LOGICAL pgoutput`;
  if (server.version < 150_000) return `${create} USE_SNAPSHOT`;
  const options = [`SNAPSHOT 'use'`, `TWO_PHASE ${twoPhase}`];
  if (server.version >= 170_000) options.push(`FAILOVER ${wantsFailover(settings, server)}`);
  return `${create} (${options.join(', ')})`;
}

/** An update that leaves out a long value would not bring its row whole: there the old row must tell all, or no update be possible. */
const filesQuery = (tables: readonly string[]): string => `
  WITH RECURSIVE own (oid, name) AS (
    SELECT c.oid, n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname IN (${tables.map(pg.escapeLiteral).join(', ')})
    UNION ALL
    SELECT i.inhrelid, own.name FROM own JOIN pg_inherits i ON i.inhparent = own.oid
  )
  SELECT own.name AS "table", quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS part,
         c.relfilenode::int8::float8 AS file
  FROM own JOIN pg_class c ON c.oid = own.oid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND (c.relreplident IN ('f', 'n') OR c.relreplident = 'd' AND
    NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))`;

const filesOf = (table: string, files: readonly Readonly<Record<string, unknown>>[]): Files =>
  Object.fromEntries(
    files
      .filter((file) => file['table'] === table)
      .map(({ part, file }) => [String(part), Number(file)]),
  );

/** More transactions were under way than a snapshot has room for. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '40001';
