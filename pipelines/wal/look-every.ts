import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionPool } from '@databases/pg';
import { partFrom } from './own-pool.ts';

/**
 * Looks at the source every so many seconds until it is disposed of, and parts from it then. A server that does
 * not answer is for others to notice.
 */
export function lookEvery(
  seconds: number,
  db: ConnectionPool,
  look: (db: ConnectionPool) => Promise<void>,
): AsyncDisposable {
  const stop = new AbortController();
  const looking = (async () => {
    while (!stop.signal.aborted) {
      await look(db).catch(() => {});
      await wait(seconds * 1_000, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
      await partFrom(db);
    },
  };
}
