import { setTimeout as wait } from 'node:timers/promises';
import { type Queryable, sql } from '@databases/pg';
import type { Trouble } from '../../contracts/cannot-run.ts';

/** A transaction that has written, and is not at its end: a new slot waits for all of them. */
interface Holder {
  readonly pid: number | null; // Of its session; a prepared one has none.
  readonly gid: string | null; // Of a prepared one.
  readonly role: string | null;
  readonly database: string | null;
  readonly seconds: number | null; // Since it began; null where this role may not know.
}

const patienceMs = 5_000;

/** Who keeps a slot from being created, the oldest first. They may be of any database of the server. */
export async function slotHolders(db: Queryable): Promise<readonly Holder[]> {
  return (await db.query(sql`
    SELECT l.pid, p.gid, coalesce(a.usename, p.owner)::text AS role,
           coalesce(a.datname, p.database)::text AS database,
           extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared))::int AS seconds
    FROM pg_locks l
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
    WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
      AND l.pid IS DISTINCT FROM pg_backend_pid() AND (l.pid IS NULL) = (p.gid IS NOT NULL)
      -- Of a session the outermost one: what it began within ends with it.
      AND NOT EXISTS (SELECT FROM pg_locks o WHERE o.pid = l.pid AND o.locktype = 'transactionid'
                      AND o.mode = 'ExclusiveLock' AND o.granted
                      AND age(o.transactionid) > age(l.transactionid))
    ORDER BY age(l.transactionid) DESC`)) as readonly Holder[];
}

/** Those that a new slot would have to wait for longer than traffic makes it wait anyhow. */
export async function lastingHolders(db: Queryable): Promise<readonly Holder[]> {
  const before = await slotHolders(db);
  if (before.length === 0) return [];
  await wait(500);
  const isLasting = ({ pid, gid, seconds }: Holder) =>
    gid !== null ||
    (seconds === null ? before.some((each) => each.pid === pid) : seconds * 1_000 >= patienceMs);
  return (await slotHolders(db)).filter(isLasting);
}

/** What is said of them. */
export function heldUp(slot: string, holders: readonly Holder[]): Trouble {
  const ends = holders.map(({ pid, gid }) =>
    gid === null
      ? `SELECT pg_terminate_backend(${pid})`
      : `ROLLBACK PREPARED '${gid.replaceAll("'", "''")}'`,
  );
  return {
    what: `a slot is created once every transaction that is open has ended: ${holders.map(named).join('; ')}`,
    where: `replication slot ${slot}`,
    fix: `wait for them, commit them, or end them: ${[...new Set(ends)].join('; ')}`,
  };
}

function named({ pid, gid, role, database, seconds }: Holder): string {
  const who = gid === null ? `server process ${pid}` : `the prepared transaction ${gid}`;
  const since = seconds === null ? '' : `, for ${seconds} s`;
  return `${who} (role ${role ?? 'unknown'}, database ${database ?? 'unknown'}${since})`;
}

/** Waits for a slot to be created; whom it waits for is told once it takes longer, and when others are in the way. */
export async function untilCreated<T>(
  creating: Promise<T>,
  look: () => Promise<readonly Holder[]>,
  told: (holders: readonly Holder[]) => void,
): Promise<T> {
  const over = new AbortController();
  let last = '';
  const watching = async () => {
    for (;;) {
      await wait(patienceMs, undefined, { signal: over.signal });
      const holders = await look();
      const who = holders.map(({ pid, gid }) => `${pid} ${gid}`).join();
      if (holders.length > 0 && who !== last) told(holders);
      last = who;
    }
  };
  watching().catch(() => {}); // It is over; or the server is gone, and whoever creates says so.
  try {
    return await creating;
  } finally {
    over.abort();
  }
}
