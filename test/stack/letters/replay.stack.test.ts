import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Lag } from '../../../ops/lag.ts';
import { statementType } from '../../../schemas/stream-manifest.ts';
import { letterStates } from '../../../replay/letter-search.ts';
import { readAll } from '../way/records.ts';
import { type Letters, openLetters, type ReplayResult } from './replaying.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 }); // Many processes, one after the other.

let letters: Letters;
const said: string[] = []; // All that replays have said.

const person = (id: number, tenant: number | null, bio: string) =>
  `INSERT INTO people VALUES (${id}, ${tenant}, 200, 'marker-name', 'marker@mail', 'marker-phone', 'calm', ${bio})`;

beforeAll(async () => {
  letters = await openLetters();
  await letters.drain('capture', 'govern', 'deliver-postgres');
  await letters.inMirror(
    `ALTER TABLE ${letters.way.name}.marks ADD CONSTRAINT few CHECK (n < 666)`,
  );
  await letters.way.commit(
    person(1, null, "'b'"), // Nobody can make its tokens.
    person(2, null, "'b'"),
    person(3, 7, "repeat('marker', 20000)"), // Too large.
    'INSERT INTO marks VALUES (1, 7, 1), (2, 7, 666), (3, 7, 777)',
  );
  await letters.way.commit("UPDATE people SET mood = 'gay' WHERE id = 1");
  await letters.drain('capture', 'govern', 'deliver-postgres');
});

afterAll(() => letters?.[Symbol.asyncDispose]());

async function replay(...args: readonly string[]): Promise<ReplayResult> {
  const ended = await letters.run('replay', 'dlq', ...args, '--json');
  expect(ended.code, ended.stderr).toBe(0);
  said.push(ended.stdout, ended.stderr);
  return JSON.parse(ended.stdout) as ReplayResult;
}

const table = (name: string) => ['--table', `${letters.way.name}.${name}`] as const;

async function transform(name: string, body: string): Promise<string> {
  const file = join(letters.way.folder, name);
  await writeFile(file, `export default (change) => ${body};\n`);
  return file;
}

const states = async (name: string) =>
  (await letters.list(name, { states: letterStates })).map(
    ({ pipeline, reason, state }) => `${String(pipeline)} ${String(reason)} ${String(state)}`,
  );

test('a dry run tells counts and columns, and changes nothing', async () => {
  const file = await transform(
    'tenant.ts',
    '({ ...change, after: { ...change.after, tenant_id: 7n } })',
  );
  const before = await states('people');
  const { kinds, job } = await replay(...table('people'), '--transform', file, '--dry-run');
  expect(job).toBeNull();
  expect(kinds).toContainEqual({
    pipeline: 'govern',
    table: `${letters.way.name}.people`,
    reason: 'no-tenant',
    letters: 3,
    again: 3,
    dropped: 0,
    left: {},
    changed: { tenant_id: 3 },
  });
  expect(await states('people')).toEqual(before);
  const lines = await letters.run(
    'replay',
    'dlq',
    ...table('people'),
    '--transform',
    file,
    '--dry-run',
  );
  expect(lines.stdout).toContain('tenant_id changes in 3 of 3: *** -> ***');
  said.push(lines.stdout);
});

test('what govern refused comes again, mended by a transform, in the order of its key, and is signed', async () => {
  const file = await transform(
    'tenant.ts',
    '({ ...change, after: { ...change.after, tenant_id: 7n } })',
  );
  const { job } = await replay(
    ...table('people'),
    '--reason',
    'no-tenant',
    '--transform',
    file,
    '--by',
    'ada',
  );
  expect(job).toMatchObject({ letters: 3, sent: 3, dropped: 0, signed: true });
  expect(job!['transform']).toMatch(/^[0-9a-f]{64}$/);
  await letters.drain('govern', 'deliver-postgres');
  const rows = await letters.mirrored('people');
  expect(rows.map(({ id, tenant_id, mood }) => [Number(id), Number(tenant_id), mood])).toEqual([
    [1, 7, 'gay'],
    [2, 7, 'calm'],
  ]);
  expect(rows[0]!['email']).toMatch(/^[\w-]{22}$/);
  expect(
    (await states('people')).filter((each) => each === 'govern no-tenant replayed').length,
  ).toBe(3);
  const again = await replay(...table('people'), '--reason', 'no-tenant');
  expect(again).toEqual({ kinds: [], job: null });
  expect(await notices()).toContainEqual(
    expect.objectContaining({
      action: 'replay',
      who: 'ada',
      job: job!['job'],
      counts: { letters: 3, sent: 3, dropped: 0 },
      letters: job!['digest'],
      transform: job!['transform'],
    }),
  );
});

/** What the log says of letters. */
async function notices(): Promise<readonly unknown[]> {
  const records = await readAll(letters.way.stack, [`provenance.${letters.way.name}`]);
  const envelopes = records.flatMap(({ key, value }) =>
    key?.toString() === 'letters' && value ? [JSON.parse(value.toString()) as Envelope] : [],
  );
  expect(envelopes.every(({ payloadType }) => payloadType === statementType)).toBe(true);
  return envelopes.map(
    ({ payload }) =>
      (JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: unknown }).predicate,
  );
}

interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
}

test('what capture refused goes through govern, sealed as capture would have', async () => {
  const as = await replay(...table('people'), '--reason', 'too-large');
  expect(as.kinds).toMatchObject([{ letters: 1, again: 1 }]); // The topic of what comes again takes more.
  const lag = async () => (await letters.json<Lag>('lag')).stages;
  expect(await lag()).toContainEqual({ pipeline: 'govern', changes: 1, again: 1 });
  await letters.drain('govern', 'deliver-postgres');
  expect(await lag()).toContainEqual({ pipeline: 'govern', changes: 0, again: 0 });
  const [row] = (await letters.mirrored('people')).filter(({ id }) => Number(id) === 3);
  expect(row).toMatchObject({ bio: 'marker'.repeat(20_000), name: '***', mood: 'calm' });
  expect(row!['email']).toMatch(/^[\w-]{22}$/);
  const records = await readAll(letters.way.stack, ['retry.govern']);
  expect(records.length).toBeGreaterThan(0);
  for (const { value } of records) expect(value!.includes('marker@mail')).toBe(false);
});

test('a replay that was begun is not gone on with into a mirror that shows whole transactions by then', async () => {
  const { way, configFile } = letters;
  const args = ['replay', 'dlq', ...table('marks'), '--pipeline', 'deliver-postgres'];
  const strike = { CONDUCTOR_FAILPOINT: 'replaying:1' };
  expect((await way.start(args, configFile, strike).ended).signal).toBe('SIGKILL');
  const whole = await way.variant(({ sinks }) => {
    sinks.postgres['consistency'] = 'transactions';
  });
  const refused = await way.start(['replay', 'dlq', '--resume'], whole).ended;
  expect(refused.code, refused.stderr).toBe(1);
  expect(refused.stderr).toContain('letters of deliver-postgres cannot come again to a mirror');
  expect(refused.stderr).toContain('set fastest for as long as they come again');
  const { job } = await replay('--resume');
  expect(job).toMatchObject({ letters: 2, sent: 2 });
  await letters.drain('deliver-postgres');
});

test('what a sink refused again is a new letter, and passes once the sink takes it', async () => {
  const first = await replay(...table('marks'), '--pipeline', 'deliver-postgres');
  expect(first.job).toMatchObject({ letters: 2, sent: 2 });
  await letters.drain('deliver-postgres');
  const open = await letters.list('marks');
  expect(open.map(({ reason }) => reason)).toEqual(['rejected-by-sink', 'rejected-by-sink']);
  await letters.inMirror(`ALTER TABLE ${letters.way.name}.marks DROP CONSTRAINT few`);
  const [one, other] = open;
  await replay('--id', one!.id);
  await letters.drain('deliver-postgres');
  expect((await letters.mirrored('marks')).length).toBe(2);
  const masked = await transform(
    'constant.ts',
    '({ ...change, after: { ...change.after, n: 5 } })',
  );
  await replay('--id', other!.id.slice(0, 12), '--transform', masked);
  await letters.drain('deliver-postgres');
  expect((await letters.mirrored('marks')).map(({ n }) => n)).toContain(5);
  expect(await letters.list('marks')).toEqual([]);
});

test('a waived letter tells who gave it up and why, is signed, and may be replayed all the same', async () => {
  await letters.way.commit(person(4, null, "'b'"), person(5, null, "'b'"));
  await letters.drain('capture', 'govern');
  const [one, other] = await letters.list('people');
  const { code } = await letters.run('dlq', 'waive', '--id', one!.id);
  expect(code).not.toBe(0); // Without saying why.
  const flags = ['--id', one!.id, '--reason-why', 'a test row', '--by', 'ada'];
  const waived = await letters.json<{ job: string }>('dlq', 'waive', ...flags);
  expect(waived).toMatchObject({ waived: 1, signed: true });
  const [kept] = await letters.list('people', { states: ['waived'] });
  expect(kept).toMatchObject({ id: one!.id, waivedBy: 'ada', waivedWhy: 'a test row' });
  expect((await letters.list('people')).map(({ id }) => id)).toEqual([other!.id]);
  expect(await notices()).toContainEqual(
    expect.objectContaining({ action: 'waive', who: 'ada', why: 'a test row', job: waived.job }),
  );
  const file = await transform(
    'tenant.ts',
    '({ ...change, after: { ...change.after, tenant_id: 7n } })',
  );
  const { job } = await replay(...table('people'), '--waived', '--transform', file);
  expect(job).toMatchObject({ sent: 2 });
  const { stdout, code: verified } = await letters.run('verify', 'provenance', '--json');
  expect(verified, stdout).toBe(0);
});

test('a transform that fails, or makes what none may, sends nothing and quotes no value', async () => {
  await letters.way.commit(person(6, null, "'b'"));
  await letters.drain('capture', 'govern');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{ throw new Error(change.after.mood + "marker") }', /throws Error at line 1/],
    ['({ ...change, op: "delete" })', /has another op/],
    ['({ ...change, after: { ...change.after, id: 9n } })', /has another key \(id\)/],
    ['({ ...change, after: { ...change.after, mood: {} } })', /no value in after\.mood/],
    ['undefined', /is no change, and not null/],
  ];
  for (const [n, [body, says]] of cases.entries()) {
    const file = await transform(`bad-${n}.ts`, body);
    const ended = await letters.run('replay', 'dlq', ...table('people'), '--transform', file);
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toMatch(says);
    said.push(ended.stderr);
  }
  expect((await letters.run('replay', 'dlq')).code).toBe(2);
  const dropping = await transform('drop.ts', 'null');
  const { job } = await replay(...table('people'), '--transform', dropping);
  expect(job).toMatchObject({ letters: 1, sent: 0, dropped: 1 });
});

test('no value is in what was said, nor in what is kept of jobs', async () => {
  const jobs = await letters.way.state.query(
    sql`SELECT to_jsonb(r)::text AS row FROM conductor_replays AS r`,
  );
  expect(jobs.length).toBeGreaterThan(4);
  expect([...said, JSON.stringify(jobs)].join('\n')).not.toMatch(/marker|calm|bbbb/);
});
