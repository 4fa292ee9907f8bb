import { type Queryable, sql } from '@databases/pg';
import { CannotRun, publicUrl, type Trouble } from '../../contracts/cannot-run.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import type { Sender } from './sender.ts';

export type Protocol = 1 | 2 | 3 | 4;

/** What capture depends on of the server that it is a guest of. */
export interface Server {
  readonly version: number; // As the server counts: 180004 is 18.4.
  readonly walLevel: string;
  readonly standby: boolean; // In recovery: it can be captured, and not be written to.
  readonly senderTimeoutMs: number;
  readonly anyBytes: boolean; // In SQL_ASCII a database takes any bytes for text.
  readonly role: string;
  readonly replicates: boolean;
}

/** Which world the server's positions are of. */
export interface Identity {
  readonly system: string;
  readonly timeline: number;
  readonly history: string; // The timelines before this one and where they ended; empty on the first.
}

const oldest = 130_000; // The first that tells what became of a slot's WAL.

export async function lookAtServer(db: Queryable): Promise<Server> {
  const [row] = (await db.query(sql`
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('wal_level') AS "walLevel", pg_is_in_recovery() AS standby,
           (SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout') AS "senderTimeoutMs",
           current_setting('server_encoding') = 'SQL_ASCII' AS "anyBytes",
           rolname AS role,
           rolreplication OR rolsuper OR EXISTS (
             SELECT FROM pg_roles granted WHERE granted.rolname = 'rds_replication'
                AND pg_has_role(current_user, granted.oid, 'member')) AS replicates
    FROM pg_roles WHERE rolname = current_user`)) as [Server];
  return row;
}

/** Where the server's WAL ends, or where a standby has replayed it to. */
export async function walEnd(db: Queryable): Promise<bigint> {
  const [{ head }] = (await db.query(sql`
    SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                 ELSE pg_current_wal_flush_lsn() END)::text AS head`)) as [{ head: string }];
  return parseLsn(head);
}

/** Why a server cannot be captured at all. */
export function serverFaults(server: Server, url: string): readonly Trouble[] {
  const where = `source.url = ${publicUrl(url)}`;
  const faults: Trouble[] = [];
  if (server.version < oldest)
    faults.push({
      what: `PostgreSQL ${release(server)} is too old to be captured`,
      where,
      fix: 'upgrade it to 13 or newer',
    });
  if (server.walLevel !== 'logical')
    faults.push({
      what: `wal_level is ${server.walLevel}, and capture needs logical`,
      where,
      fix: 'ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL',
    });
  if (!server.replicates)
    faults.push({
      what: `role ${server.role} may not replicate`,
      where,
      fix: `as a superuser: ALTER ROLE "${server.role}" REPLICATION`,
    });
  return faults;
}

export function checkServer(server: Server, url: string): void {
  const [first] = serverFaults(server, url);
  if (first) throw new CannotRun(first);
}

/** The version of pgoutput to speak; refuses settings that the server is too old for. */
export function protocolFor(server: Server, settings: SourceSettings): Protocol {
  const highest = highestProtocol(server.version);
  const refuse = (setting: string, needs: string): never => {
    throw new CannotRun({
      what: `${setting} needs ${needs}, and the source is PostgreSQL ${release(server)}`,
      where: `source.${setting.split(':')[0]}`,
      fix: `leave source.${setting.split(':')[0]} out, or upgrade the source`,
    });
  };
  const protocol = settings.protocol ?? highest;
  if (protocol > highest) refuse(`protocol: ${protocol}`, `PostgreSQL ${12 + protocol}`);
  if (settings.origin === 'none' && server.version < 160_000)
    refuse('origin: none', 'PostgreSQL 16');
  if (settings.twoPhase && server.version < 150_000) refuse('twoPhase: true', 'PostgreSQL 15');
  if (settings.twoPhase && protocol < 3)
    throw new CannotRun({
      what: `protocol ${protocol} does not have prepared transactions`,
      where: 'source.protocol and source.twoPhase',
      fix: 'leave source.protocol out or set it to 3 or 4, or set twoPhase: false',
    });
  return protocol;
}

function highestProtocol(version: number): Protocol {
  if (version >= 160_000) return 4;
  if (version >= 150_000) return 3;
  return version >= 140_000 ? 2 : 1;
}

/** As people name it: 18.4. */
export const release = ({ version }: Server): string =>
  `${Math.floor(version / 10_000)}.${version % 10_000}`;

/** Asks who the server is. A timeline is known at once after a promotion only to the WAL sender. */
export async function identify(sender: Pick<Sender, 'ask'>): Promise<Identity> {
  const [row] = await sender.ask('IDENTIFY_SYSTEM');
  const system = String(row?.['systemid']);
  const timeline = Number(row?.['timeline']);
  if (timeline === 1) return { system, timeline, history: '' };
  const [file] = await sender.ask(`TIMELINE_HISTORY ${timeline}`);
  const content = file?.['content'];
  const history = Buffer.isBuffer(content) ? content.toString() : String(content);
  return { system, timeline, history };
}

/** The server behind `source.url` is not the one that the checkpoint speaks of. */
export class ForeignServer extends Error {
  override readonly name = 'ForeignServer';
}
