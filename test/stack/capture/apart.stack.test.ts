import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openWay, type Way } from '../way/way.ts';
import { senderOf } from './own-way.ts';
import { faultTables } from './tables.ts';

let lost: Way;
let other: Way;

const patiently = { timeout: 60_000, interval: 50 };

beforeAll(async () => {
  lost = await openWay(faultTables);
  other = await openWay(faultTables);
});

afterAll(async () => {
  await lost?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
});

async function acknowledged(way: Way, id: number): Promise<void> {
  await way.commit(`INSERT INTO notes VALUES (${id}, 1, 'x')`);
  const [{ lsn }] = await way.source.query(sql`SELECT pg_current_wal_lsn()::text AS lsn`);
  await vi.waitFor(async () => {
    const [slot] = await way.source.query(sql`
      SELECT confirmed_flush_lsn >= ${lsn}::pg_lsn AS told FROM pg_replication_slots WHERE slot_name = ${way.name}`);
    expect(slot).toEqual({ told: true });
  }, patiently);
}

test('of two databases in one worker, one loses its slot and says what to choose, and the other goes on', async () => {
  const name = (way: Way) => `capture@${way.name}.${way.name}`;
  await using worker = lost.start(['run', 'capture', '--config', other.configFile]);
  const health = await worker.running();
  await acknowledged(lost, 1);
  await acknowledged(other, 1);

  worker.kill('SIGSTOP'); // Until the slot is gone: it would be read again at once.
  const { pid } = await senderOf(lost);
  await lost.source.query(sql`SELECT pg_terminate_backend(${pid}, 5000)`);
  await lost.source.query(sql`SELECT pg_drop_replication_slot(${lost.name})`);
  worker.kill('SIGCONT');
  await vi.waitFor(() => expect(worker.stderr).toContain('it cannot go on'), patiently);
  const [said] = worker.stderr.split('\n').filter((line) => line.includes('it cannot go on'));
  expect(JSON.parse(said ?? '')).toMatchObject({
    level: 50,
    pipelines: [name(lost)],
    error: expect.stringMatching(/the slot is gone(.|\n)*--recover resnapshot/),
  });

  await acknowledged(other, 2);
  const metrics = await (await fetch(`${health}/metrics`)).text();
  expect(metrics).toContain(`conductor_running{pipeline="${name(lost)}"} 0`);
  expect(metrics).toContain(`conductor_running{pipeline="${name(other)}"} 1`);
  expect((await fetch(`${health}/healthz`)).status).toBe(503);

  worker.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toContain(`conductor: ${name(lost)} could not go on`);
  expect(stderr).not.toContain(`${name(other)} could not`);
});
