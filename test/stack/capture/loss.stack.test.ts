import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { openWay, type Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { caughtUp } from './progress.ts';
import { faultTables } from './tables.ts';

const patiently = { timeout: 60_000, interval: 50 };
const tiny = mkdtempSync(join(tmpdir(), 'conductor-tiny-'));
const mount = (...args: readonly string[]) => spawnSync('mount', [...args, tiny]).status === 0;
const hasTiny = mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs');

let way: Way;
let judge: Judge;

beforeAll(async () => {
  way = await openWay(faultTables);
  await way.drain('capture');
  judge = await judgeOf(way);
  await way.source.query(
    sql`ALTER DATABASE ${sql.ident(way.name)} SET logical_decoding_work_mem = '64kB'`,
  );
});

afterAll(async () => {
  await way?.[Symbol.asyncDispose]();
  if (hasTiny) spawnSync('umount', ['-l', tiny]);
  rmSync(tiny, { recursive: true, force: true });
});

test.skipIf(!hasTiny)(
  hasTiny
    ? 'a disk that is full of a transaction that waits is said, and gone on from when there is room'
    : 'a disk that is full of a transaction that waits is said (skipped: nothing may be mounted here)',
  async () => {
    const file = await way.variant(
      (raw) => (raw['worker'] = { spillDirectory: join(tiny, 'spill') }),
    );
    await using worker = way.start(['run', 'capture'], file);
    await worker.running();
    await way.commit(
      "INSERT INTO notes SELECT g, 1, md5(g::text) || repeat('x', 1500) FROM generate_series(1, 9000) g",
      "INSERT INTO papers VALUES (1, 'a', NULL, 'b')",
    );
    await vi.waitFor(
      () => expect(worker.stderr).toMatch(/cannot be kept until its commit: ENOSPC/),
      patiently,
    );
    expect(worker.stderr).toMatch(/worker\.spillDirectory = .*fix: .*make room there/);
    expect(mount('-o', 'remount,size=64m')).toBe(true);
    await caughtUp(way);
    worker.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    const { once } = await judge.judge();
    expect(once.length).toBe(9_001);
  },
);

test('a slot that is dropped under a running capture ends it, with what may be chosen', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit("INSERT INTO papers VALUES (2, 'a', NULL, 'b')");
  await caughtUp(way);
  await way.commit("INSERT INTO papers VALUES (3, 'a', NULL, 'b')");
  await vi.waitFor(async () => {
    await way.source.query(sql`
      SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
      WHERE slot_name = ${way.name} AND active_pid IS NOT NULL`);
    await way.source.query(sql`SELECT pg_drop_replication_slot(${way.name})`);
  }, patiently);
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/where: replication slot w_/);
  expect(stderr).toMatch(/--recover resnapshot .*--recover repair/);
  const [{ slots } = { slots: -1 }] = (await way.source.query(
    sql`SELECT count(*)::int AS slots FROM pg_replication_slots WHERE slot_name = ${way.name}`,
  )) as readonly { readonly slots: number }[];
  expect(slots).toBe(0); // Nobody but the owner may choose what is lost.
});

test('a slot that somebody drops and makes anew under a running capture ends it, with what may be chosen', async () => {
  const recovered = await way.start([
    'run',
    'capture',
    '--recover',
    'resnapshot',
    '--until-current',
  ]).ended;
  expect(recovered.code, recovered.stderr).toBe(0);
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit("INSERT INTO papers VALUES (4, 'a', NULL, 'b')");
  await caughtUp(way);
  worker.kill('SIGSTOP'); // So that it sees nothing of what is done.
  await way.source.query(sql`
    SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = ${way.name}`);
  await way.commit("INSERT INTO papers VALUES (5, 'missed', NULL, 'b')");
  await way.source.query(sql`SELECT pg_drop_replication_slot(${way.name})`);
  await way.source.query(
    sql`SELECT pg_create_logical_replication_slot(${way.name}, 'pgoutput', false, false)`,
  );
  await way.commit("INSERT INTO papers VALUES (6, 'after the gap', NULL, 'b')");
  worker.kill('SIGCONT');
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toMatch(/advanced to \S+ by something else, or dropped and made anew/);
  expect(stderr).toMatch(/--recover resnapshot .*--recover repair/);
  const ids = (await changesOf(way, 'papers')).map(({ change }) => Number(change.key?.['shelf']));
  expect(ids).toContain(4);
  expect(ids).not.toContain(6);
});
