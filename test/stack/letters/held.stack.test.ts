import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Letters, openLetters } from './replaying.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 }); // Many processes, one after the other.

let letters: Letters;
let mending: string;

beforeAll(async () => {
  letters = await openLetters((raw) => {
    raw['letters'] = { hold: ['govern', 'deliver-postgres'] };
  });
  mending = join(letters.way.folder, 'mend.ts');
  await writeFile(
    mending,
    'export default (change) => ({ ...change, after: { ...change.after, tenant_id: 7n } });\n',
  );
  await letters.drain('capture', 'govern', 'deliver-postgres');
});

afterAll(() => letters?.[Symbol.asyncDispose]());

const table = (name: string) => ({ table: `${letters.way.name}.${name}` });

const reasons = async (name: string) =>
  (await letters.list(name)).map(({ reason }) => reason).sort();

const moods = async () =>
  (await letters.mirrored('people')).map(({ id, mood }) => `${String(id)} ${String(mood)}`);

test('what comes later of a key waits for its letter, also for who takes the lane up, and comes with it in order', async () => {
  const { way } = letters;
  await way.commit(
    "INSERT INTO people VALUES (1, NULL, 200, 'n', 'e', 'p', 'first', 'b'), (2, 7, 200, 'n', 'e', 'p', 'calm', 'b')",
  );
  await way.commit("UPDATE people SET tenant_id = 7, mood = 'second' WHERE id = 1");
  await letters.drain('capture', 'govern');
  await way.commit("UPDATE people SET mood = 'third' WHERE id = 1");
  await letters.drain('capture', 'govern', 'deliver-postgres'); // Another worker, that knows of it from the letters alone.
  expect(await reasons('people')).toEqual(['held', 'held', 'no-tenant']);
  expect(await moods()).toEqual(['2 calm']);

  const held = await letters.replay({ ...table('people'), reason: 'held' });
  expect(held).toMatchObject({ kinds: [{ letters: 2, again: 0, left: { waits: 2 } }], job: null });
  const first = await letters.replay({ ...table('people'), reason: 'no-tenant' }, mending);
  expect(first).toMatchObject({ job: { sent: 3 } });
  await way.commit("UPDATE people SET mood = 'fourth' WHERE id = 1"); // While it is on its way.
  await letters.drain('capture', 'govern');
  const late = await letters.list('people');
  if (late.length > 0) await letters.replay({ ...table('people'), reason: 'held' });
  await letters.drain('govern', 'deliver-postgres');
  expect(await reasons('people')).toEqual([]);
  expect(await moods()).toEqual(['1 fourth', '2 calm']);
});

test('a sink holds keys, too, and a waived letter lets go of its key', async () => {
  const { way } = letters;
  await letters.inMirror(`ALTER TABLE ${way.name}.marks ADD CONSTRAINT few CHECK (n < 666)`);
  await way.commit('INSERT INTO marks VALUES (1, 7, 666), (2, 7, 777), (3, 7, 3)');
  await letters.drain('capture', 'govern', 'deliver-postgres'); // In one batch only the newest of a key would be written.
  await way.commit('UPDATE marks SET n = 5');
  await letters.drain('capture', 'govern', 'deliver-postgres');
  const both = ['held', 'held', 'rejected-by-sink', 'rejected-by-sink'];
  expect(await reasons('marks')).toEqual(both);
  const rows = async () =>
    (await letters.mirrored('marks')).map(({ id, n }) => `${String(id)} ${String(n)}`);
  expect(await rows()).toEqual(['3 5']);

  const keyHash = await letters.hashOf('{"id":2}');
  await letters.waive({ ...table('marks'), keyHash, reason: 'rejected-by-sink' });
  const again = await letters.replay({ ...table('marks'), reason: 'held' });
  expect(again).toMatchObject({ kinds: [{ again: 1, left: { waits: 1 } }], job: { sent: 1 } });
  await letters.drain('deliver-postgres');
  expect(await rows()).toEqual(['2 5', '3 5']);
  await way.commit('UPDATE marks SET n = 6');
  await letters.drain('capture', 'govern', 'deliver-postgres');
  expect(await rows()).toEqual(['2 6', '3 6']);

  await letters.inMirror(`ALTER TABLE ${way.name}.marks DROP CONSTRAINT few`);
  await letters.replay({ ...table('marks'), reason: 'rejected-by-sink' });
  await letters.drain('deliver-postgres');
  expect(await rows()).toEqual(['1 6', '2 6', '3 6']);
  expect(await reasons('marks')).toEqual([]);
});
