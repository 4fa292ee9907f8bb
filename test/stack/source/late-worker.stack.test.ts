import { readFile } from 'node:fs/promises';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { items } from '../backfill/tables.ts';
import { caughtUp } from '../capture/progress.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { expectInMirror, expectItemsInTopic } from './arrived.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay([items]);
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, 'as it was', 'body' FROM generate_series(1, 20) n`,
  );
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

const patiently = { timeout: 60_000, interval: 50 };

/** Resolves once a process does nothing until it is told to go on. */
const stopped = ({ pid }: Worker) =>
  vi.waitFor(async () => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    expect(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)).toBe('T');
  }, patiently);

/** Takes its slot away from whoever reads it. */
async function loseSlot(): Promise<void> {
  const slot = sql`FROM pg_replication_slots WHERE slot_name = ${way.name}`;
  await way.source.query(sql`SELECT pg_terminate_backend(active_pid, 10000) ${slot}`);
  await way.source.query(sql`SELECT pg_drop_replication_slot(slot_name) ${slot}`);
}

const recover = (how: string) =>
  way.start(['run', 'capture', '--recover', how, '--until-current']).ended;

test.for(['repair', 'resnapshot'])(
  'what a worker held while its slot was given up for a %s is not written when it wakes, and it goes on with the new one',
  async (how) => {
    await using late = way.start(['run', 'capture'], undefined, {
      CONDUCTOR_FAILPOINT: 'producing=stop',
    });
    await late.running();
    await way.commit(
      "UPDATE items SET note = 'for a while' WHERE id IN (1, 2)",
      "INSERT INTO items VALUES (90, 1, 1, 'for a while', NULL)",
    );
    await stopped(late);
    await loseSlot();
    await way.commit(
      "UPDATE items SET note = 'as it was' WHERE id = 1",
      'DELETE FROM items WHERE id IN (2, 90)',
    );
    const { code, stderr } = await recover(how);
    expect(code, stderr).toBe(0);
    await way.commit("UPDATE items SET note = 'it goes on' WHERE id = 3");
    await way.drain('capture'); // The recovery is over.
    late.kill('SIGCONT');
    await vi.waitFor(() => expect(late.stderr).toContain('trying again'), patiently);
    await way.commit("INSERT INTO items VALUES (2, 1, 1, 'as it was', NULL)");
    await caughtUp(way);
    await expectItemsInTopic(way, way.source);
    await expectInMirror(way, way.source, ['items']);
    expect(late.stderr).toContain('was given up and another made');
  },
);
