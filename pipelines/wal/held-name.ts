import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionPool, sql } from '@databases/pg';
import { atMost, partMs } from './own-pool.ts';

const tryEveryMs = 250;
const mostTries = 40; // Whoever was killed a moment ago is still known to the server.

/**
 * Keeps a name from others for as long as it is held and the connection lives, of which it takes one from the pool: of who
 * was killed, the server lets go by itself. Null if another has it.
 */
export async function holdName(db: ConnectionPool, name: string): Promise<AsyncDisposable | null> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: tried, resolve: tell } = Promise.withResolvers<boolean>();
  const holding = db.task(async (task) => {
    // So that the server finds out soon when we are gone without a word.
    await task.query(sql`
      SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
        set_config('tcp_keepalives_count', '3', false)`);
    const tries = async () => {
      const [row] = (await task.query(
        sql`SELECT pg_try_advisory_lock(hashtextextended(${name}, 0)) AS got`,
      )) as readonly { readonly got: boolean }[];
      return row?.got ?? false;
    };
    let isOurs = await tries();
    for (let left = mostTries; !isOurs && left > 0; left--) {
      await wait(tryEveryMs);
      isOurs = await tries();
    }
    tell(isOurs);
    if (!isOurs) return;
    await released;
    await task.query(sql`SELECT pg_advisory_unlock(hashtextextended(${name}, 0))`);
  });
  const letGo = async () => {
    release();
    await atMost(partMs, holding).catch(() => {}); // The connection may be gone, and the lock with it.
  };
  const isOurs = await Promise.race([tried, holding.then(() => tried)]);
  return isOurs ? { [Symbol.asyncDispose]: letGo } : null;
}
