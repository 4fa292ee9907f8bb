import { extname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { heapFlags } from '../worker/heap-flags.ts';
import type { SinkName } from '../worker/sink-names.ts';
import type { CaptureConfig } from './capture-config.ts';
import { withDatabase } from './database.ts';
import { MeasuredProcess } from './measured-process.ts';
import type { Site } from './site.ts';

/** As this file is: source in a checkout, compiled in a package. */
const cli = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));
const patienceMs = 120_000;

/** `conductor run` of one pipeline as its launcher runs it. */
export function workerProcess(
  site: Site,
  { file, name }: CaptureConfig,
  pipeline: 'capture' | 'govern' | 'anonymise' | 'meter' | `deliver-${SinkName}`,
  { untilCurrent }: { readonly untilCurrent: boolean },
): MeasuredProcess {
  const last = untilCurrent ? ['--until-current'] : [];
  const command = {
    name: `${pipeline}-${name}`,
    command: process.execPath,
    args: [...heapFlags(pipeline), cli, 'run', pipeline, '--config', file, ...last],
    env: { CONDUCTOR_HOME: site.home },
  };
  return new MeasuredProcess(site, site.aside?.launch(command) ?? command);
}

/** `conductor api`, until it is stopped. */
export function apiProcess(site: Site, { file, name }: CaptureConfig): MeasuredProcess {
  return new MeasuredProcess(site, {
    name: `api-${name}`,
    command: process.execPath,
    args: [cli, 'api', '--config', file],
    env: { CONDUCTOR_HOME: site.home },
  });
}

/** Lets capture make its slot and its checkpoint, and catch up with what is there. */
export async function prime(site: Site, config: CaptureConfig): Promise<void> {
  await using capture = workerProcess(site, config, 'capture', { untilCurrent: true });
  await capture.done();
}

/** Starts capture and resolves once it has confirmed all that was committed by now. */
export async function liveCapture(site: Site, config: CaptureConfig): Promise<MeasuredProcess> {
  const capture = workerProcess(site, config, 'capture', { untilCurrent: false });
  try {
    await Promise.race([untilConfirmed(site, config), capture.fell()]);
    return capture;
  } catch (error) {
    await capture.stop('SIGKILL');
    throw error;
  }
}

async function untilConfirmed({ signal }: Site, { url, slot }: CaptureConfig): Promise<void> {
  await withDatabase(url, async (db) => {
    const [{ head }] = (await db.query(sql`SELECT pg_current_wal_flush_lsn()::text AS head`)) as [
      { readonly head: string },
    ];
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const [at] = (await db.query(sql`
        SELECT active AND confirmed_flush_lsn >= ${head}::pg_lsn AS reached
        FROM pg_replication_slots WHERE slot_name = ${slot}`)) as readonly {
        readonly reached: boolean;
      }[];
      if (at?.reached) return;
      if (performance.now() > deadline)
        throw new CannotRun({
          what: `capture has not confirmed ${head} within ${patienceMs / 1_000} s`,
          where: `replication slot ${slot}`,
          fix: 'look at its log, which is kept',
        });
      await wait(100, undefined, { signal });
    }
  });
}
