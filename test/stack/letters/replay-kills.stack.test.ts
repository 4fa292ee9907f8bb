import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { governedTopic } from '../../../contracts/topics.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { decoded } from '../way/letters.ts';
import { readAll } from '../way/records.ts';
import type { Worker } from '../way/worker.ts';
import { type Letters, openLetters } from './replaying.ts';

vi.setConfig({ testTimeout: 550_000, hookTimeout: 400_000 }); // Many processes, one after the other.

let letters: Letters;
let mending: string;
const rows = 5_000; // Each with two letters.
const late = 300;

const people = (from: number, count: number) =>
  `INSERT INTO people SELECT n, NULL, n, 'n', 'e', 'p', 'first', 'b' FROM generate_series(${from}, ${from + count - 1}) AS n`;

beforeAll(async () => {
  letters = await openLetters();
  mending = join(letters.way.folder, 'mend.ts');
  await writeFile(
    mending,
    'export default (change) => ({ ...change, after: { ...change.after, tenant_id: 7n } });\n',
  );
  await letters.drain('capture');
  await letters.way.commit(people(1, rows));
  await letters.way.commit("UPDATE people SET mood = 'second'");
  await letters.drain('capture', 'govern', 'deliver-postgres');
});

afterAll(() => letters?.[Symbol.asyncDispose]());

interface Counted {
  readonly done: number;
}

/** How many letters the job under way is through with; 0 before it has begun. */
async function done(): Promise<number> {
  const [job] = (await letters.way.state.query(sql`
    SELECT done FROM conductor_replays WHERE ended_at IS NULL`)) as readonly Counted[];
  return job?.done ?? 0;
}

const replay = (args: readonly string[], failpoint = ''): Worker =>
  letters.way.start(
    ['replay', 'dlq', ...args, '--transform', mending],
    letters.configFile,
    failpoint === '' ? {} : { CONDUCTOR_FAILPOINT: failpoint },
  );

/** Lets a replay run until it is through with so many letters, and kills it. */
async function killAt(worker: Worker, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await done()).toBeGreaterThanOrEqual(count), {
    timeout: 120_000,
    interval: 20,
  });
  worker.kill('SIGKILL');
  expect((await worker.ended).signal).toBe('SIGKILL');
}

test('10,000 letters come again while new ones arrive and the replay is killed: each once, in the order of its key', async () => {
  printSeed();
  const random = seeded(seed);
  const { way } = letters;
  const table = `${way.name}.people`;
  expect((await letters.list('people')).length).toBe(2 * rows);
  const live: Worker[] = [];
  for (const name of ['capture', 'govern', 'deliver-postgres']) {
    const worker = way.start(['run', name], letters.configFile);
    live.push(worker);
    await vi.waitFor(() => worker.running(), { timeout: 120_000 });
  }

  await replay(['--table', table, '--reason', 'no-tenant'], 'replayed:2').ended;
  await way.commit(people(rows + 1, late / 2));
  const at = [1, 2].map(() => random.below(rows)).sort((a, b) => a - b);
  for (const more of at)
    await killAt(replay(['--resume', '--rate', '2000']), (await done()) + more);
  await way.commit(people(rows + late / 2 + 1, late / 2));
  await replay(['--resume'], 'replaying:1').ended;
  const { code, stderr } = await replay(['--resume']).ended;
  expect(code, `seed ${seed}: ${stderr}`).toBe(0);

  await vi.waitFor(async () => expect((await letters.list('people')).length).toBe(late), {
    timeout: 60_000,
    interval: 500,
  });
  await letters.replay({ table }, mending);
  for (const worker of live) await worker[Symbol.asyncDispose]();
  await letters.drain('capture', 'govern', 'deliver-postgres');

  expect(await letters.list('people')).toEqual([]);
  const mirrored = await letters.mirrored('people');
  expect(mirrored.length, `seed ${seed}`).toBe(rows + late);
  expect(mirrored.filter(({ mood }) => mood === 'second').length).toBe(rows);
  const records = await readAll(way.stack, [governedTopic(way.name, table)]);
  const newest = new Map<string, string>();
  for (const record of records.toSorted((a, b) => Number(a.offset) - Number(b.offset))) {
    const { lsn, seq, part, log } = await decoded(way, record);
    expect(String(log)).toMatch(/^replay-/);
    const key = record.key?.toString() ?? '';
    const place = [lsn, seq, part].map((each) => String(each).padStart(20, '0')).join('/');
    expect(place > (newest.get(key) ?? ''), `seed ${seed}: ${key} goes backwards`).toBe(true);
    newest.set(key, place);
  }
  expect(records.length, `seed ${seed}: each letter once`).toBe(2 * rows + late);
});
