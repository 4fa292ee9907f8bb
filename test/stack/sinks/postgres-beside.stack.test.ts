import { sql } from '@databases/pg';
import { expect, test } from 'vitest';
import { besideMirror } from '../../../sinks/postgres-beside.ts';
import { mirror } from '../../../sinks/postgres.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { urlOf } from '../way/way.ts';
import { servers } from '../servers.ts';
import { freshMirror } from './fresh-mirror.ts';

const codes = contractOf('shop.codes', { code: 'character(5)', note: 'text' }, { key: ['code'] });
const change = changesOf(codes);
const padded = (code: string) => code.padEnd(5);
const lane = 7; // What comes to the table beside comes by another lane than what is there.

/** What a mirror has once rows that rest beside it were given to it. */
async function merged() {
  await using fresh = await freshMirror([codes]);
  await fresh.sink.write(
    ['a', 'b', 'c'].map((code, n) => change.insert(n + 1, { code: padded(code), note: 'old' })),
  );
  const url = urlOf(await servers(), fresh.at.database);
  await using beside = besideMirror(url, codes, 1);
  await beside.prepare();
  const contracts = [beside.contract];
  await using sink = takingChanges(contracts, await mirror({ ...fresh.at, contracts }));
  const own = changesOf(beside.contract);
  await sink.write(
    [
      own.delete(5, { code: padded('a') }),
      own.update(6, { code: padded('b'), note: 'new' }),
      own.insert(8, { code: padded('d'), note: 'new' }),
      own.delete(9, { code: padded('d') }),
    ].map((each) => ({ ...each, lane })),
  );
  const count = await beside.merge(() => Promise.resolve(), false);
  return {
    count,
    rows: await fresh.db.query(sql`SELECT code, note FROM shop.codes ORDER BY code`),
    lanes: await fresh.db.query(
      sql`SELECT stream, record_offset::text AS at FROM cdc_offsets ORDER BY stream`,
    ),
  };
}

test('a row whose key is padded with blanks is dead here, too, where it is dead beside', async () => {
  const { count, rows } = await merged();
  expect(rows).toEqual([
    { code: padded('b'), note: 'new' },
    { code: padded('c'), note: 'old' },
  ]);
  expect(count).toEqual({ rows: 1, removed: 1 });
});

test('of a lane that only the table beside knew it is known up to which record it rests here', async () => {
  expect((await merged()).lanes).toEqual([
    { stream: 'shop.codes/0', at: `${3 * 16}` },
    { stream: `shop.codes/${lane}`, at: `${9 * 16}` },
  ]);
});
