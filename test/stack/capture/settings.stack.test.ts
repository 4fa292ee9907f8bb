import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { lettersOf } from '../way/letters.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { judgeOf } from './judge.ts';
import { caughtUp } from './progress.ts';

const noPeople = { tenant: null, subject: null, relationships: [] } as const;

const words: TestTable = {
  ...noPeople,
  name: 'words',
  ddl: [
    `CREATE TABLE words (word text, at timestamptz, span interval, raw bytea, ratio double precision, doc jsonb,
      PRIMARY KEY (word, at, span, raw, ratio))`,
  ],
  columns: [
    keep('word', 'text', { keyPosition: 1 }),
    keep('at', 'timestamp with time zone', { keyPosition: 2 }),
    keep('span', 'interval', { keyPosition: 3 }),
    keep('raw', 'bytea', { keyPosition: 4 }),
    keep('ratio', 'double precision', { keyPosition: 5 }),
    keep('doc', 'jsonb'),
  ],
};

const notes: TestTable = {
  ...noPeople,
  name: 'notes',
  ddl: ['CREATE TABLE notes (id bigint PRIMARY KEY, note text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('note', 'text')],
};

const events: TestTable = {
  ...noPeople,
  name: 'events',
  ddl: [],
  outbox: true,
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('what', 'text')],
};

/** What the owner of a database may have set for all sessions that begin. */
const settings = [
  `datestyle = 'SQL, DMY'`,
  `timezone = 'Asia/Kathmandu'`,
  'intervalstyle = iso_8601',
  'bytea_output = escape',
  'extra_float_digits = -5',
  'quote_all_identifiers = on',
  `transaction_timeout = '50ms'`,
  `statement_timeout = '50ms'`,
  `idle_session_timeout = '50ms'`,
];

let way: Way;

beforeAll(async () => {
  way = await openWay([words, events], {}, `ENCODING 'LATIN1' LOCALE 'C'`);
  await way.commit(write(1, 2_000));
  for (const setting of settings) await way.commit(`ALTER DATABASE ${way.name} SET ${setting}`);
});

afterAll(() => way?.[Symbol.asyncDispose]());

const write = (from: number, to: number) =>
  `INSERT INTO words SELECT 'Größe ' || n, timestamptz '2026-03-29 00:00Z' + n * interval '1 hour',
     n * interval '-1 month 2 days 3.5 s', decode(md5(n::text), 'hex'), n / 7.0, '{"ß": "é"}'
   FROM generate_series(${from}, ${to}) AS n`;

test('in a database that is not in UTF-8, and ends whatever takes long, all is captured, copied and streamed', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await caughtUp(way);
  const judge = await judgeOf(way);
  await way.commit(write(10_000, 60_000));
  await way.commit(
    `UPDATE words SET doc = NULL WHERE ratio < 100`,
    `UPDATE words SET raw = 'ä'::text::bytea WHERE ratio BETWEEN 10 AND 20`,
    `DELETE FROM words WHERE ratio BETWEEN 30 AND 40`,
  );
  await caughtUp(way);
  const table = `${way.name}.words`;
  const { code, stdout, stderr } = await way.start(['backfill', '--compare', '--table', table])
    .ended;
  expect(code, `${stdout}${stderr}`).toBe(0);
  const { once, letters } = await judge.judge();
  expect(once.length).toBeGreaterThan(50_000);
  expect(letters).toEqual([]);
});

test('a message that is in the encoding of such a database is a letter, and one in UTF-8 a row', async () => {
  const content = `'{"id": 1, "what": "Größe"}'`;
  await way.commit(
    `SELECT pg_logical_emit_message(true, '${way.name}.events', ${content})`,
    `SELECT pg_logical_emit_message(true, '${way.name}.events', convert_to(${content}, 'UTF8'))`,
  );
  await way.drain('capture');
  const letters = await lettersOf(way, 'capture', `${way.name}@`);
  expect(letters.map(({ letter }) => letter['reason'])).toEqual(['undecodable']);
  const rows = await changesOf(way, 'events');
  expect(rows.map(({ change }) => change.after)).toEqual([{ id: 1n, what: 'Größe' }]);
});

test('in SQL_ASCII a row of which nobody knows what its bytes say is a letter, and the others go on', async () => {
  await using ascii = await openWay([notes], {}, `ENCODING 'SQL_ASCII' LOCALE 'C'`);
  await ascii.commit(String.raw`INSERT INTO notes VALUES (1, 'ö'), (2, E'\xf6')`); // To be copied.
  await ascii.drain('capture');
  await ascii.commit(
    String.raw`INSERT INTO notes VALUES (3, E'\xf6')`,
    `INSERT INTO notes VALUES (4, 'ü')`,
    String.raw`UPDATE notes SET note = E'\xfc' WHERE id = 1`,
  );
  await ascii.drain('capture');
  const rows = await changesOf(ascii, 'notes');
  expect(new Set(rows.map(({ change }) => change.after?.['note']))).toEqual(new Set(['ö', 'ü']));
  const letters = await lettersOf(ascii, 'capture', ascii.name);
  expect(letters.map(({ letter }) => letter['reason'])).toEqual(Array(3).fill('undecodable'));
});
