import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { lettersOf } from '../way/letters.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

const things: TestTable = {
  name: 'things',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE things (id bigint PRIMARY KEY, note text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('note', 'text')],
};

let way: Way;
let restored: OwnPostgres; // With the same tables, as a dump has them: under other OIDs.

beforeAll(async () => {
  way = await openWay([things]);
  await way.drain('capture');
  await way.commit("INSERT INTO things VALUES (1, 'before')");
  await way.drain('capture');
  restored = await ownPostgres();
  await run(
    restored.db(),
    `CREATE DATABASE ${way.name}`,
    `ALTER DATABASE ${way.name} SET search_path = ${way.name}, public`,
  );
  await run(restored.db(way.name), `CREATE SCHEMA ${way.name}`);
  await run(restored.db(way.name), ...things.ddl, "INSERT INTO things VALUES (1, 'restored')");
});

afterAll(async () => {
  await restored?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

test('a stream that is begun anew on a server restored from a dump takes its tables for what they are', async () => {
  const file = await way.variant(({ source }) => {
    source['url'] = restored.url(way.name);
    source['recover'] = 'resnapshot';
  });
  for (const note of ['copied', 'streamed']) {
    await run(restored.db(way.name), `INSERT INTO things VALUES (${note.length}, '${note}')`);
    const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
    expect(code, stderr).toBe(0);
  }
  expect(await lettersOf(way, 'capture', way.name)).toEqual([]);
  const { truncate: ended = [], insert: rows = [] } = Object.groupBy(
    (await changesOf(way, 'things')).map(({ change }) => change),
    ({ op }) => op,
  );
  const notes = rows.map(({ after }) => String(after?.['note']));
  expect(notes.toSorted()).toEqual(['before', 'copied', 'restored', 'streamed']);
  // All that was captured of the table there ends once, in each of the twelve lanes.
  expect(ended.length).toBe(12);
  expect(new Set(ended.map(({ lane }) => lane)).size).toBe(12);
});
