import pg from 'pg';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const notes: TestTable = {
  name: 'notes',
  ddl: ['CREATE TABLE notes (id bigint PRIMARY KEY, note text)'],
  tenant: null,
  subject: null,
  relationships: [],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('note', 'text')],
};

let way: Way;
let files: readonly string[];

const slotOf = (origin: 'any' | 'none') => `${way.name}_${origin}`;

beforeAll(async () => {
  way = await openWay([notes]);
  const captureOf = (origin: 'any' | 'none') =>
    way.variant(({ source }) => Object.assign(source, { origin, slot: slotOf(origin) }));
  files = [await captureOf('any'), await captureOf('none')];
  await way.source.query(sql`SELECT pg_replication_origin_create(${way.name})`);
});

afterAll(async () => {
  await way?.source.query(sql`SELECT pg_replication_origin_drop(${way.name})`);
  await way?.[Symbol.asyncDispose]();
});

/** Both in one worker, until they are at the end. */
async function drain(): Promise<void> {
  const [last = '', ...rest] = files;
  const args = ['run', 'capture', '--until-current', '--config', ...rest];
  const { code, stderr } = await way.start(args, last).ended;
  expect(code, stderr).toBe(0);
}

/** Commits each statement as what was replicated from elsewhere, as a subscription does. */
async function replicate(...statements: readonly string[]): Promise<void> {
  const session = new pg.Client({ connectionString: way.urls.source });
  await session.connect();
  try {
    await session.query('SELECT pg_replication_origin_session_setup($1)', [way.name]);
    for (const statement of statements) await session.query(statement);
  } finally {
    await session.end();
  }
}

test('with origin none what was replicated into the source is left out, and with any it comes too', async () => {
  await drain(); // Makes the slots.
  await way.commit("INSERT INTO notes VALUES (1, 'own')");
  await replicate(
    "INSERT INTO notes VALUES (2, 'replicated')",
    "UPDATE notes SET note = 'replicated over it' WHERE id = 1",
  );
  await way.commit("INSERT INTO notes VALUES (3, 'own, later')");
  await drain();
  const read = await changesOf(way, 'notes');
  const of = (origin: 'any' | 'none') =>
    read.flatMap(({ change: { log, after } }) =>
      log === slotOf(origin) ? String(after?.['note']) : [],
    );
  expect(of('none').toSorted()).toEqual(['own', 'own, later']);
  expect(of('any').toSorted()).toEqual(['own', 'own, later', 'replicated', 'replicated over it']);
});
