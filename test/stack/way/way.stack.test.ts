import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { frontOf } from '../../../schemas/governed-head.ts';
import { placeText } from '../capture/folds.ts';
import { seenIn } from '../capture/seen.ts';
import { lettersOf } from './letters.ts';
import { adminOf, countOf, readAll } from './records.ts';
import { openWay, type Way } from './way.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture'); // Creates the slot: what comes now is captured.
});

afterAll(() => way?.[Symbol.asyncDispose]());

const long = (letter: string) => `repeat('${letter}ß', 6000)`; // Out of line, whatever it compresses to.
const topicsOf = (stage: 'cdc' | 'gov') =>
  ['people', 'lines', 'marks'].map((table) => `${stage}.${way.name}.${way.name}.${table}`);

/** How often each change is in the topics of a stage: each says where it stood. */
async function idsOf(stage: 'cdc' | 'gov') {
  const ids =
    stage === 'gov'
      ? (await readAll(way.stack, topicsOf(stage))).map(({ topic, value }) => {
          const { source, position } = frontOf(value!)!;
          return `${topic} ${source} ${position}`;
        })
      : (await seenIn(way, [...way.contracts.keys()], way.source)).map(placeText);
  return { all: ids.length, different: new Set(ids).size };
}

test('every kind of change comes to rest equal in all three sinks', async () => {
  await way.commit(
    `INSERT INTO people VALUES
      (1, 7, 100, 'Ann', 'ann@example.org', '+1', 'fine', ${long('a')}),
      (2, 7, 100, 'Bob', NULL, NULL, '', ${long('b')}),
      (3, 8, NULL, '名前 🦊', 'ä@ö.example', '0', E'tab\\tquote"\\\\{,}', NULL),
      (4, 8, 400, 'Dan', 'd', 'd', NULL, ${long('d')}),
      (9007199254740993, 8, 500, 'Max', 'm', 'm', 'beyond a double', 'short')`,
    `INSERT INTO lines SELECT p, n, 7, n * 1.10, '2024-02-29 12:00:00.123456+02', ${long('n')}
      FROM unnest(ARRAY[1, 2, 4]) AS p, generate_series(1, 4) AS n`,
    'INSERT INTO marks SELECT n, 7, n FROM generate_series(1, 50) AS n',
  );
  await way.commit(
    "UPDATE people SET mood = 'changed, and the bio was not sent' WHERE id IN (1, 2)",
    'UPDATE lines SET amount = -0.01 WHERE no = 2', // The note is not sent, in no image.
  );
  await way.commit('UPDATE people SET id = 102 WHERE id = 2');
  await way.commit('UPDATE people SET id = 2, bio = NULL WHERE id = 102');
  await way.commit('UPDATE lines SET no = 9, note = NULL WHERE person_id = 4 AND no = 4');
  await way.commit('DELETE FROM people WHERE id = 4', 'DELETE FROM lines WHERE person_id = 4');
  await way.commit('UPDATE lines SET amount = NULL, at = NULL WHERE person_id = 1 AND no = 1');
  await way.commit('TRUNCATE marks', 'INSERT INTO marks VALUES (1, 7, 1), (60, 7, NULL)');
  await way.commit(
    'SAVEPOINT s',
    "INSERT INTO marks VALUES (70, 7, 70); UPDATE people SET mood = 'never' WHERE id = 1",
    'ROLLBACK TO s',
    'INSERT INTO marks VALUES (71, 7, 71)',
    'DELETE FROM marks WHERE id = 71',
    'INSERT INTO marks VALUES (71, 7, 72)',
    'UPDATE marks SET n = 73 WHERE id = 71',
  );
  await way.drain();

  const comparison = await way.compare();
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  const rows = comparison.tables.map(({ table, sourceRows, stores }) => [
    table.split('.')[1],
    sourceRows,
    ...stores.map((store) => store.rows),
  ]);
  expect(rows).toEqual([
    ['lines', 8, 8, 8, 8],
    ['marks', 3, 3, 3, 3],
    ['people', 4, 4, 4, 4],
  ]);
});

test('what can never pass becomes a dead letter without a value, and the rest goes on', async () => {
  const before = new Set((await lettersOf(way, 'capture', `${way.name}@`)).map(idOf));
  await way.commit(
    "INSERT INTO people VALUES (10, NULL, NULL, 'marker-name', 'marker-email', '1', 'marker-mood', NULL)",
    "INSERT INTO people VALUES (11, 7, NULL, 'Eve', 'e', 'e', 'the rest', NULL)",
  );
  await way.commit("ALTER TABLE marks ALTER n TYPE text USING 'x' || n");
  await way.commit("INSERT INTO marks VALUES (80, 7, 'marker-text')");
  await way.commit(
    'DELETE FROM marks WHERE id = 80',
    'ALTER TABLE marks ALTER n TYPE integer USING substr(n, 2)::integer',
  );
  await way.commit('INSERT INTO marks VALUES (81, 7, 81)');
  await way.drain();

  const letters = (await lettersOf(way, 'capture', `${way.name}@`)).filter(
    (each) => !before.has(idOf(each)),
  );
  const told = letters.map(
    ({ letter }) => `${String(letter['table'])}: ${String(letter['reason'])}`,
  );
  expect(new Set(told)).toEqual(
    new Set([`${way.name}.marks: schema-refused`, `${way.name}.people: no-subject`]),
  );
  expect(told.length).toBe(3); // What was written while a column had another type, and the row of nobody.
  for (const { record, letter } of letters) {
    expect(letter['origin']).toMatch(/@[0-9a-f]{8}\/[0-9a-f]{16}\/[0-9a-f]{8}\/[0-9a-f]{8}$/);
    expect(record.headers['reason']).toBe(letter['reason']);
    const all = [record.key, record.value, JSON.stringify(record.headers)].map(String);
    expect(all.join()).not.toContain('marker');
  }

  const { tables } = await way.compare();
  for (const { table, stores } of tables)
    for (const store of stores)
      expect(store, table).toMatchObject({
        missing: table.endsWith('people') ? 1 : 0,
        extra: 0,
        different: 0,
      });
  await way.commit('DELETE FROM people WHERE id = 10');
  await way.drain();
  expect((await way.compare()).equal).toBe(true);
});

const idOf = ({ letter }: { readonly letter: Readonly<Record<string, unknown>> }) => letter['id'];

test('govern that reads everything again releases nothing twice', async () => {
  const released = await countOf(way.stack, topicsOf('gov'));
  expect(released).toBeGreaterThan(50);
  const groupId = `${way.name}.govern`;
  await using admin = await adminOf(way.stack);
  await admin.deleteGroups([groupId]); // And with it what it had confirmed.

  await way.drain('govern');
  expect(await countOf(way.stack, topicsOf('gov'))).toBe(released);
  const read = await admin.fetchOffsets({ groupId, topics: topicsOf('cdc') });
  const sum = read
    .flatMap((each) => each.partitions)
    .reduce((all, { offset }) => all + Math.max(0, Number(offset)), 0);
  expect(sum).toBe(await countOf(way.stack, topicsOf('cdc'))); // It did read them again.
});

test('what capture sends again after a kill -9 before its checkpoint is released once', async () => {
  const state = openDatabase(way.urls.state);
  const before = await idsOf('cdc');
  await using capture = way.start(['run', 'capture']);
  await capture.running();
  await state.tx(async (tx) => {
    await tx.query(sql`LOCK TABLE cdc_offsets IN SHARE ROW EXCLUSIVE MODE`); // No checkpoint from here on.
    await way.commit('INSERT INTO marks SELECT n, 7, n FROM generate_series(1000, 1999) AS n');
    await vi.waitFor(
      async () => expect((await countOf(way.stack, topicsOf('cdc'))) - before.all).toBe(1_000),
      { timeout: 20_000, interval: 100 },
    );
    capture.kill('SIGKILL');
    await capture.ended;
    // The server would still run what the dead one asked for.
    await tx.query(sql`
      SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  });
  await state.dispose();

  await way.drain();
  const sent = await idsOf('cdc');
  expect(sent).toEqual({ all: before.all + 2_000, different: before.different + 1_000 });
  const released = await idsOf('gov');
  expect(released.all).toBe(released.different);
  expect((await way.compare()).equal).toBe(true);
});
