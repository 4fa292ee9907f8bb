import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import { adminOf, clientOf } from '../way/records.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Ended } from '../way/worker.ts';

let way: Way;
const said: string[] = []; // All that any command has said, but for what a token may see.

const topicOf = (table: string) => changesTopic(way.name, `${way.name}.${table}`);
const tableOf = (table: string) => `${way.name}.${table}`;
const [kept, erased] = [200, 100]; // Two subjects of tenant 7.

/** A row that is too large for its topic: its letter tells of all of it. */
const person = (id: number, subject: number, bio: string, tenant: number | null = 7) =>
  `INSERT INTO people VALUES (${id}, ${tenant}, ${subject}, 'marker-name', 'marker@mail', 'marker-phone', 'marker-mood', ${bio})`;

beforeAll(async () => {
  way = await openWay(testTables.filter(({ name }) => name !== 'lines'));
  await using admin = await adminOf(way.stack);
  const configEntries = [{ name: 'max.message.bytes', value: `${64 * 1024}` }];
  await admin.createTopics({
    topics: [{ topic: topicOf('people'), numPartitions: 12, configEntries }],
  });
  await way.drain('capture', 'govern', 'deliver-postgres');
  await refuseInMirror();
  await way.commit(
    person(1, kept, "repeat('b', 100000)"),
    person(2, kept, "repeat('b', 9000000)"), // In pieces.
    person(3, erased, "repeat('b', 100000)"),
    person(4, kept, "'b'", null), // Nobody can make its tokens.
    'INSERT INTO marks VALUES (1, 7, 1), (666, 7, 666), (2, 8, 666)',
  );
  await way.drain('capture');
  await sendNoChange();
  await way.drain('govern', 'deliver-postgres');
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** The mirror takes no mark of 666. */
async function refuseInMirror(): Promise<void> {
  const mirror = openDatabase(way.urls.mirror);
  await mirror.query(sql`ALTER TABLE ${sql.ident(way.name, 'marks')} ADD CHECK (n <> 666)`);
  await mirror.dispose();
}

/** Something that is no change, in a topic of changes. */
async function sendNoChange(): Promise<void> {
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  const message = { key: '{"id":77}', value: 'marker-no-change', partition: 3 };
  await producer.send({ topic: topicOf('marks'), messages: [message] });
  await producer.disconnect();
}

async function dlq(...args: readonly string[]): Promise<Ended> {
  const ended = await way.start(['dlq', ...args]).ended;
  if (!args.includes('--token-file')) said.push(ended.stdout, ended.stderr);
  return ended;
}

type Letter = Readonly<Record<string, unknown>> & { readonly id: string };

/** Letters of a table of this way: others write to the same topics. */
async function list(table: string, ...args: readonly string[]): Promise<readonly Letter[]> {
  const { code, stdout, stderr } = await dlq('list', '--table', tableOf(table), '--json', ...args);
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { readonly letters: readonly Letter[] }).letters;
}

async function tokenFile(name: string, ...args: readonly string[]): Promise<string> {
  const bearer = ['--subject', 'ada', '--roles', 'high-clearance', '--purpose', 'support'];
  const { code, stdout, stderr } = await way.start(['token', 'mint', ...bearer, ...args]).ended;
  expect(code, stderr).toBe(0);
  const file = join(way.folder, name);
  await writeFile(file, stdout);
  return file;
}

/** What `show` says of a letter. */
async function show(id: unknown, ...args: readonly string[]) {
  const { code, stdout, stderr } = await dlq('show', String(id), '--json', ...args);
  expect(stdout, stderr).not.toBe('');
  const shown = JSON.parse(stdout) as {
    readonly letter: Letter;
    readonly change: { readonly after: { readonly values: Record<string, string> } } | null;
    readonly refused: string | null;
  };
  return { code, stderr, ...shown };
}

const reasons = (letters: readonly Letter[]) =>
  letters.map(({ pipeline, reason }) => `${String(pipeline)} ${String(reason)}`).toSorted();

test('letters of three pipelines are listed, by what is asked for, each once', async () => {
  expect(reasons(await list('people'))).toEqual([
    'capture too-large',
    'capture too-large',
    'capture too-large',
    'govern no-tenant',
  ]);
  expect(reasons(await list('marks'))).toEqual([
    'deliver-postgres rejected-by-sink',
    'deliver-postgres rejected-by-sink',
    'govern undecodable',
  ]);
  expect(reasons(await list('people', '--pipeline', 'govern'))).toEqual(['govern no-tenant']);
  expect(reasons(await list('marks', '--reason', 'undecodable'))).toEqual(['govern undecodable']);
  expect(await list('people', '--until', '1h')).toEqual([]);
  expect((await list('people', '--since', '1h')).length).toBe(4);
  expect((await list('people', '--limit', '2')).length).toBe(2);
  const times = (await list('people')).map(({ at }) => String(at));
  expect(times).toEqual(times.toSorted().toReversed());
  const pieces = (await list('people')).map(({ chunks }) => chunks);
  expect(pieces.filter((count) => count === 3).length).toBe(1);
});

test('a key finds its letters, as a person types it', async () => {
  const found = await list('marks', '--key', '{ "id": 666 }');
  expect(reasons(found)).toEqual(['deliver-postgres rejected-by-sink']);
  expect(reasons(await list('marks', '--key', '{"id":77}'))).toEqual(['govern undecodable']);
  expect(await list('marks', '--key', '{"id":1}')).toEqual([]);
});

test('people read a table, and a clear word where there is nothing', async () => {
  const { stdout } = await dlq('list', '--table', tableOf('marks'));
  expect(stdout).toMatch(/^id +written +pipeline +table +reason +size +state +origin\n/);
  expect(stdout.trimEnd().split('\n').length).toBe(4);
  const none = await dlq('list', '--table', tableOf('nothing'));
  expect([none.code, none.stdout]).toEqual([0, 'no letter is of that kind\n']);
});

test('stats count them, and tell how full their topics are', async () => {
  const { code, stdout, stderr } = await dlq('stats', '--json');
  expect(code, stderr).toBe(0);
  const { counts, topics } = JSON.parse(stdout) as {
    readonly counts: readonly Record<string, unknown>[];
    readonly topics: readonly Record<string, unknown>[];
  };
  const large = counts.find(
    ({ table, reason }) => table === tableOf('people') && reason === 'too-large',
  );
  expect(large).toMatchObject({ pipeline: 'capture', open: 3, gone: 0 });
  expect(large!['bytes']).toBeGreaterThan(9_000_000);
  const days = 14 * 86_400_000;
  expect(topics.find(({ topic }) => topic === 'dlq.capture')).toMatchObject({
    retention: { bytes: null, bytesShare: null, ms: days },
  });
  expect((await dlq('stats')).stdout).toMatch(
    /^pipeline +table +reason +open +replayed +waived +gone +size/,
  );
});

test('the open part is for everybody, what is sealed for nobody without a token', async () => {
  const [letter] = await list('marks', '--reason', 'undecodable');
  const shown = await show(letter!.id.slice(0, 10));
  expect(shown).toMatchObject({ code: 0, change: null, refused: null });
  expect(shown.letter).toMatchObject({ ...letter, sealed: 'here' });
  expect(shown.letter['message']).toMatch(/./);
  const lines = (await dlq('show', letter!.id)).stdout;
  expect(lines).toMatch(/^sealed +yes; a token that may unseal it/m);
  expect((await dlq('show', 'xyz')).code).toBe(2);
  expect((await dlq('show', '0123456789abcdef0123456789abcdef')).stderr).toContain(
    'there is no letter',
  );
});

test('a token that may unseal sees the row by its mask plan, also of a letter in pieces', async () => {
  const token = await tokenFile('seven', '--tenant', '7');
  const letters = (await list('people', '--pipeline', 'capture')).filter(
    ({ chunks }) => chunks === 3,
  );
  const { code, change } = await show(letters[0]!.id, '--token-file', token);
  expect(code).toBe(0);
  const { bio, email, ...values } = change!.after.values;
  expect(values).toEqual({
    id: '2',
    tenant_id: '7',
    owner_id: `${kept}`,
    name: '***',
    mood: 'marker-mood',
  });
  expect(bio).toBe('b'.repeat(9_000_000));
  expect(email).not.toContain('marker');

  const [mark] = await list('marks', '--key', '{"id":666}');
  const governed = await show(mark!.id, '--token-file', token);
  expect(governed.change!.after.values).toEqual({ id: '666', tenant_id: '7', n: '666' });
});

test('who may not is refused, and both are in the audit', async () => {
  const large = (await list('people', '--pipeline', 'capture'))[0]!.id;
  const other = (await list('marks', '--key', '{"id":2}'))[0]!.id;
  const noTenant = (await list('people', '--pipeline', 'govern'))[0]!.id;
  const noChange = (await list('marks', '--reason', 'undecodable'))[0]!.id;
  const analyst = await tokenFile('analyst', '--tenant', '7', '--roles', 'analyst');
  const eight = await tokenFile('eight', '--tenant', '8');
  const seven = await tokenFile('seven', '--tenant', '7');
  const everywhere = ['--scopes', 'tenants.all,data.unseal'];
  const everybody = await tokenFile('everybody', '--tenant', '7', ...everywhere);
  const once = await tokenFile('once', '--tenant', '8', '--once');
  const cases: readonly (readonly [string, string, string | null])[] = [
    [large, analyst, 'policy-none'],
    [large, eight, 'another-tenant'],
    [other, seven, 'another-tenant'],
    [other, eight, null],
    [other, once, null],
    [other, once, 'replayed'],
    [noTenant, seven, 'another-tenant'],
    [noTenant, everybody, null],
    [noChange, everybody, 'no-change'],
  ];
  const before = (await audit()).length;
  for (const [id, token, refused] of cases) {
    const shown = await show(id, '--token-file', token);
    expect([shown.refused, shown.code], shown.stderr).toEqual([refused, refused ? 1 : 0]);
    expect(shown.change === null).toBe(refused !== null);
  }
  expect((await audit()).slice(before)).toEqual(
    cases.map(([id, , refused]) => ({
      field: 'dlq.show',
      ability: 'data.unseal',
      subject: 'ada',
      id,
      decision: refused === null ? 'allowed' : 'denied',
    })),
  );
  await writeFile(join(way.folder, 'none'), 'no.token.atall');
  const none = await dlq('show', large, '--token-file', join(way.folder, 'none'));
  expect([none.code, none.stdout]).toEqual([3, '']);
  expect(none.stderr).toContain('the token is refused');
});

const audit = () =>
  way.state.query(sql`
    SELECT field, ability, subject, split_part(operation, '/', 2) AS id, decision
    FROM api_audit ORDER BY api_audit.id`) as Promise<readonly object[]>;

test('a letter of an erased subject says so, and opens for nobody', async () => {
  const letters = (await list('people', '--pipeline', 'capture')).filter(
    ({ chunks }) => chunks === 1,
  );
  const of = ['--table', tableOf('people'), '--subject', `${erased}`, '--tenant', '7'];
  const { code, stderr } = await way.start(['keys', 'destroy', ...of, '--yes']).ended;
  expect(code, stderr).toBe(0);
  const token = await tokenFile('seven', '--tenant', '7');
  const shown = await Promise.all(letters.map(({ id }) => show(id, '--token-file', token)));
  const states = shown.map(({ letter, code: ended, refused }) =>
    [letter['sealed'], ended, refused].join(' '),
  );
  expect(states.toSorted()).toEqual(['destroyed 1 destroyed', 'here 0 ']);
  const gone = shown.find(({ refused }) => refused !== null)!;
  expect(gone.change).toBeNull();
  expect(gone.stderr).toContain('its key was destroyed');
  expect((await dlq('show', gone.letter.id)).stdout).toMatch(/^sealed +its key was destroyed/m);
});

test('no value is in the index, or in anything that was said without a token', async () => {
  const rows = (await way.state.query(sql`
    SELECT to_jsonb(letter)::text AS row FROM conductor_letters AS letter`)) as readonly {
    readonly row: string;
  }[];
  const all = [...rows.map(({ row }) => row), ...said].join('\n');
  expect(rows.length).toBeGreaterThanOrEqual(7);
  expect(said.length).toBeGreaterThan(10);
  expect(all).not.toMatch(/marker|bbbb|"id":\d/);
});
