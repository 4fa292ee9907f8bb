import { NotNow } from '../../contracts/cannot-run.ts';
import { holdName } from '../wal/held-name.ts';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import { postgresTrouble } from '../wal/postgres-trouble.ts';

/**
 * Keeps others from doing the same work, as long as the connection lives. It saves work, and is not what
 * the log's order rests on: a lock whose owner was stopped may be another's when he wakes.
 */
export async function sequencerLock(url: string, name: string): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const db = ownPool(url, { name: 'conductor sequencer', size: 1 });
  stack.defer(() => partFrom(db));
  const held = await holdName(db, `conductor.provenance/${name}`).catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', url);
  });
  if (!held)
    throw new NotNow({
      what: `another worker proves ${name} already`,
      where: 'state.url',
      fix: 'none is needed while it runs: one at a time is enough, and this one may be started when the other has ended',
    });
  stack.use(held);
  return stack.move();
}
