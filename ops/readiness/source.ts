import databases, { type Queryable, sql } from '@databases/pg';
import { CannotRun, publicUrl } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { Sender } from '../../pipelines/wal/sender.ts';
import {
  type Identity,
  identify,
  lookAtServer,
  protocolFor,
  release,
  type Server,
  serverFaults,
} from '../../pipelines/wal/server.ts';
import { tablesOf } from '../../pipelines/wal/tables.ts';
import { failed, type Finding, looking, ok, warning, withoutContracts } from './finding.ts';
import { checkPublication } from './publication.ts';
import { checkSlot } from './slot.ts';
import { capturedBefore, type Known } from './state.ts';
import { checkTablesThere } from './tables.ts';

/** Looks at the source as a capture worker would that is about to start. */
export async function checkSource(
  { source, state }: Config,
  contracts: ReadonlyMap<string, TableContract> | null,
  known: Known,
): Promise<readonly Finding[]> {
  const { url, publication } = source;
  const login = postgresLogin(url);
  const db = databases.default({ ...login, poolSize: 1, bigIntMode: 'string', onError: () => {} });
  const where = `source.url = ${publicUrl(url)}`;
  try {
    const server = await lookAtServer(db);
    const { role } = server;
    const promised = (
      check: string,
      look: (tables: ReadonlyMap<string, TableContract>) => Promise<readonly Finding[]>,
    ) => (contracts ? look(tablesOf(contracts)) : Promise.resolve([withoutContracts(check)]));
    const faults = serverFaults(server, url);
    const identity = faults.length === 0 ? await senderOf(url) : null;
    const checks = [
      () => checkSettings(server, source),
      () => checkTls(db, url),
      () => checkHeartbeat(db, server, source),
      () =>
        promised('tables', (tables) =>
          checkTablesThere(db, { tables, role, settings: source, known }),
        ),
      () =>
        promised('publication', (tables) =>
          checkPublication(db, { publication, contracts: tables }, server, capturedBefore(known)),
        ),
      () => checkSlot(db, { settings: source, server, identity: identity?.found ?? null, known }),
      () => checkApart(source.url, state.url),
    ];
    const findings: Finding[] = [
      ok(
        'source',
        `PostgreSQL ${release(server)} as ${server.role}${server.standby ? ', a standby' : ''}`,
      ),
      ...faults.map((fault) => failed('source', fault)),
      ...(identity?.findings ?? []),
    ];
    for (const check of checks) findings.push(...(await looking('source', where, check)));
    return findings;
  } catch (error) {
    throw postgresTrouble(error, 'source.url', url);
  } finally {
    await db.dispose();
  }
}

/** Connects as a worker reads: what pg_hba.conf says of that is seen in no catalog. */
async function senderOf(
  url: string,
): Promise<{ readonly found: Identity | null; readonly findings: readonly Finding[] }> {
  try {
    await using sender = await Sender.connect(url);
    const found = await identify(sender);
    return { found, findings: [ok('replication', `lets us in, on timeline ${found.timeline}`)] };
  } catch (error) {
    const { trouble } = postgresTrouble(error, 'source.url', url);
    return { found: null, findings: [failed('replication', trouble)] };
  }
}

async function checkSettings(
  server: Server,
  settings: Config['source'],
): Promise<readonly Finding[]> {
  const { senderTimeoutMs, role } = server;
  const findings: Finding[] = [];
  try {
    findings.push(ok('protocol', `pgoutput ${protocolFor(server, settings)}`));
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    findings.push(failed('protocol', error.trouble));
  }
  const fix = `ALTER ROLE "${role}" SET wal_sender_timeout = '60s'`;
  if (senderTimeoutMs > 0 && senderTimeoutMs < 10_000)
    findings.push(
      warning('wal_sender_timeout', {
        what: `the server gives a worker up after ${senderTimeoutMs} ms of silence: a pause of the machine is enough`,
        where: 'wal_sender_timeout',
        fix,
      }),
    );
  else if (senderTimeoutMs === 0)
    findings.push(
      warning('wal_sender_timeout', {
        what: 'the server never gives a silent worker up: one whose machine has vanished holds the slot',
        where: 'wal_sender_timeout',
        fix,
      }),
    );
  else findings.push(ok('wal_sender_timeout', `${senderTimeoutMs / 1_000} s`));
  return findings;
}

async function checkTls(db: Queryable, url: string): Promise<readonly Finding[]> {
  const [{ ssl, version }] = (await db.query(
    sql`SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
  )) as [{ ssl: boolean; version: string | null }];
  const { ssl: asked } = postgresLogin(url);
  const verified = asked !== false && asked.rejectUnauthorized === true;
  if (ssl && verified) return [ok('tls', `${version}, and the server is verified`)];
  const { hostname } = new URL(url);
  if (!ssl && /^(localhost|127\..*|\[::1\])?$/.test(hostname))
    return [ok('tls', 'none, and none is needed on this machine')];
  const where = `source.url = ${publicUrl(url)}`;
  const fix = 'add ?sslmode=verify-full (and &sslrootcert=/path/ca.pem) to it';
  const what = ssl
    ? `${version}, but nobody verifies who the server is`
    : 'rows and the password travel in the clear';
  return [warning('tls', { what, where, fix })];
}

async function checkHeartbeat(
  db: Queryable,
  { standby, role }: Server,
  { heartbeat }: Config['source'],
): Promise<readonly Finding[]> {
  if (heartbeat === 0) return [ok('heartbeat', 'none, as source.heartbeat says')];
  if (standby) return [ok('heartbeat', 'none on a standby')];
  const [{ allowed }] = (await db.query(sql`
    SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) AS allowed
    FROM pg_proc WHERE proname = 'pg_logical_emit_message'`)) as [{ allowed: boolean }];
  if (allowed) return [ok('heartbeat', `every ${heartbeat} s, where others write`)];
  const what = `role ${role} may not write heartbeats: a quiet database may keep WAL`;
  const fix = `GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) TO "${role}"; or set source.heartbeat: 0`;
  return [warning('heartbeat', { what, where: 'source.heartbeat', fix })];
}

/** A guest keeps its own things at home: a checkpoint in the source is a write to the source. */
async function checkApart(source: string, state: string): Promise<readonly Finding[]> {
  const place = (url: string) => new URL(url).host + new URL(url).pathname;
  if (place(source) !== place(state)) return [];
  const what = 'checkpoints are kept in the database that is captured';
  return [
    warning('state', {
      what,
      where: 'state.url',
      fix: "give Conductor's own database with state.url",
    }),
  ];
}
