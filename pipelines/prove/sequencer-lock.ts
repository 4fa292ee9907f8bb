import { setTimeout as wait } from 'node:timers/promises';
import { sql } from '@databases/pg';
import { NotNow } from '../../contracts/cannot-run.ts';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import { postgresTrouble } from '../wal/postgres-trouble.ts';

const tryEveryMs = 250;
const mostTries = 40; // Whoever was killed a moment ago is still known to the server.

/**
 * Keeps others from doing the same work, as long as the connection lives. It saves work, and is not what
 * the log's order rests on: a lock whose owner was stopped may be another's when he wakes.
 */
export async function sequencerLock(url: string, name: string): Promise<AsyncDisposable> {
  const db = ownPool(url, { name: 'conductor sequencer', size: 1 });
  const key = `conductor.provenance/${name}`;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: taken, resolve: take } = Promise.withResolvers<boolean>();
  const holding = db.task(async (task) => {
    // So that the server finds out soon when we are gone without a word.
    await task.query(sql`
      SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
        set_config('tcp_keepalives_count', '3', false)`);
    const tried = async () => {
      const [row] = (await task.query(
        sql`SELECT pg_try_advisory_lock(hashtextextended(${key}, 0)) AS got`,
      )) as readonly { readonly got: boolean }[];
      return row?.got ?? false;
    };
    let got = await tried();
    for (let tries = 0; !got && tries < mostTries; tries++) {
      await wait(tryEveryMs);
      got = await tried();
    }
    take(got);
    if (got) await released;
  });
  const letGo = async () => {
    release();
    await holding.catch(() => {}); // The connection may be gone, and the lock with it.
    await partFrom(db);
  };
  try {
    const got = await Promise.race([taken, holding.then(() => taken)]);
    if (got) return { [Symbol.asyncDispose]: letGo };
  } catch (error) {
    await letGo();
    throw postgresTrouble(error, 'state.url', url);
  }
  await letGo();
  throw new NotNow({
    what: `another worker proves ${name} already`,
    where: 'state.url',
    fix: 'none is needed while it runs: one at a time is enough, and this one may be started when the other has ended',
  });
}
