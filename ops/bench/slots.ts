import { setTimeout as wait } from 'node:timers/promises';
import { sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { CaptureConfig } from './capture-config.ts';
import { withDatabase } from './database.ts';

const patienceMs = 30_000;

/** Gives somebody else a slot that begins where capture's stands: after all that is committed by now. */
export async function copySlot({ url, slot }: CaptureConfig, copy: string): Promise<void> {
  await untilIdle({ url }, slot);
  await withDatabase(url, (db) =>
    db.query(sql`SELECT pg_copy_logical_replication_slot(${slot}, ${copy})`),
  );
}

/** Resolves once nobody reads the slot: the server may take a moment to see that a reader is gone. */
export async function untilIdle({ url }: Pick<CaptureConfig, 'url'>, slot: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  await withDatabase(url, async (db) => {
    for (;;) {
      const [found] = (await db.query(
        sql`SELECT active FROM pg_replication_slots WHERE slot_name = ${slot}`,
      )) as readonly { readonly active: boolean }[];
      if (found && !found.active) return;
      if (performance.now() > deadline)
        throw new CannotRun({
          what: found ? 'somebody still reads the slot' : 'the slot is not there',
          where: `replication slot ${slot}`,
          fix: 'look at the logs, which are kept',
        });
      await wait(50);
    }
  });
}
