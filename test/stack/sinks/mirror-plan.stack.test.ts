import { sql } from '@databases/pg';
import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { alterMirror, mirror, planMirror } from '../../../sinks/postgres.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { caughtUp } from '../capture/progress.ts';
import { keep } from '../way/tables.ts';
import { openWay } from '../way/way.ts';
import { freshMirror } from './fresh-mirror.ts';

const before = contractOf('shop.items', {
  id: 'bigint',
  n: 'integer',
  price: 'numeric(6,2)',
  code: 'integer',
  old: 'text',
  gone: 'text',
});
const after = contractOf('shop.items', {
  id: 'bigint',
  n: 'bigint', // Widened.
  price: 'numeric(10,1)', // Neither holds the other.
  code: 'uuid', // Another type altogether.
  renamed: 'text', // It was called old.
  at: 'timestamp(3) with time zone', // Added.
});

test('columns that are added, dropped, renamed and retyped in mid-stream come to rest, and nothing is lost', async () => {
  await using t = await freshMirror([before]);
  const then = changesOf(before);
  const now = changesOf(after);
  await t.sink.write([
    then.insert(1, { id: 1n, n: 1, price: '1234.56', code: 7, old: 'o', gone: 'g' }),
  ]);
  const options = { ...t.at, contracts: [after] };
  const planned = await planMirror(options);
  expect(planned.steps.map(({ statement }) => statement)).toEqual([
    'ALTER TABLE "shop"."items" ALTER COLUMN "n" TYPE bigint USING "n"::bigint',
    'ALTER TABLE "shop"."items" ALTER COLUMN "price" TYPE numeric USING "price"::numeric',
    'ALTER TABLE "shop"."items" ALTER COLUMN "code" TYPE text USING "code"::text',
    'ALTER TABLE "shop"."items" ADD COLUMN "renamed" text',
    'ALTER TABLE "shop"."items" ADD COLUMN "at" timestamp(3) with time zone',
  ]);
  expect(planned.left).toMatchObject([
    { statement: 'ALTER TABLE "shop"."items" DROP COLUMN "old"' },
    { statement: 'ALTER TABLE "shop"."items" DROP COLUMN "gone"' },
  ]);
  expect(await planMirror(options)).toEqual(planned); // It has changed nothing.

  let done;
  await using opened = await mirror({ ...options, planned: (plan) => void (done = plan) });
  expect(done).toEqual(planned);
  const uuid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
  const late = then.insert(2, { id: 2n, n: 2, price: '2.25', code: 8, old: 'p', gone: 'h' });
  await takingChanges([before], opened).write([late]); // It was on its way in the old form.
  await takingChanges([after], opened).write([
    now.update(3, {
      id: 1n,
      n: 9_000_000_000n,
      price: '123456789.5',
      code: uuid,
      renamed: 'r',
      at: '2026-11-27 12:00:00.123+00',
    }),
  ]);
  const rows = await t.db.query(
    sql`SELECT id::text, n::text, price::text, code, old, gone, renamed, at IS NOT NULL AS dated FROM shop.items ORDER BY id`,
  );
  expect(rows).toEqual([
    {
      id: '1',
      n: '9000000000',
      price: '123456789.5',
      code: uuid,
      old: 'o',
      gone: 'g',
      renamed: 'r',
      dated: true,
    },
    { id: '2', n: '2', price: '2.25', code: '8', old: 'p', gone: 'h', renamed: null, dated: false },
  ]);
  expect((await planMirror(options)).steps).toEqual([]);
});

test('what somebody has made of the mirror is left as it is, and told', async () => {
  const items = contractOf('shop.items', { id: 'bigint', body: 'json', note: 'text' });
  await using t = await freshMirror([items]);
  await t.db.query(
    sql`ALTER TABLE shop.items ALTER COLUMN body TYPE jsonb, ADD COLUMN mine int DEFAULT 7, DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id, note)`,
  );
  await t.db.query(sql`CREATE TABLE theirs (id bigint PRIMARY KEY)`);
  const theirs = contractOf('public.theirs', { id: 'bigint', name: 'text' });
  const { steps, left } = await planMirror({ ...t.at, contracts: [items, theirs] });
  expect(steps).toEqual([]);
  expect(left.map(({ what }) => what)).toEqual([
    'column body is jsonb, and to hold json',
    'column mine is not under contract: yours, or left from before; nothing is written to it',
    'it is not unique by id, the key of its contract: drop it, so that it is made anew, and backfill it',
    'it is no table of the mirror: it lacks the column _position',
  ]);
  const open = (contract: TableContract) => mirror({ ...t.at, contracts: [contract] });
  await expect(open(items)).rejects.toThrow(/it is not unique by id/);
  await expect(open(theirs)).rejects.toThrow(/it lacks the column _position/);
  await t.db.query(sql`ALTER TABLE shop.items ADD UNIQUE (id)`);
  await (await open(items))[Symbol.asyncDispose]();
});

test('a column that the source has widened is widened, whatever its contract says yet', async () => {
  const items: TableContract = contractOf('shop.items', {
    id: 'bigint',
    n: 'smallint',
    code: 'character varying(3)',
  });
  await using t = await freshMirror([items]);
  const source = new Map([
    [
      'shop.items',
      new Map([
        ['id', 'integer'],
        ['n', 'bigint'],
        ['code', 'character varying(9)'],
      ]),
    ],
  ]);
  const { steps } = await alterMirror({ ...t.at, contracts: [items], source });
  expect(steps.map(({ statement }) => statement.replace(/.*COLUMN /, ''))).toEqual([
    '"n" TYPE bigint USING "n"::bigint',
    '"code" TYPE character varying(9) USING "code"::character varying(9)',
  ]);
});

test('conductor mirror plan prints what opening the mirror runs, changes nothing, and does it with --apply', async () => {
  await using way = await openWay([
    {
      name: 'items',
      ddl: ['CREATE TABLE items (id bigint PRIMARY KEY, n integer)'],
      tenant: null,
      subject: null,
      columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer')],
      relationships: [],
    },
  ]);
  await way.commit('INSERT INTO items VALUES (1, 1)');
  await way.drain('capture');
  await using capture = way.start(['run', 'capture']);
  await capture.running();
  await way.commit('ALTER TABLE items ALTER n TYPE bigint', 'INSERT INTO items VALUES (2, 2)');
  await caughtUp(way); // The schema topic tells it.
  await capture[Symbol.asyncDispose]();
  const plan = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await way.start(['mirror', 'plan', ...args]).ended;
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const create = `CREATE TABLE "${way.name}"."items" ("id" bigint NOT NULL, "n" bigint, _position text COLLATE "C" NOT NULL, PRIMARY KEY ("id"))`;
  const wanted = [`CREATE SCHEMA "${way.name}"`, create];
  expect(await plan()).toBe(`to be done:\n  ${wanted.join(';\n  ')};\n`);
  const said = JSON.parse(await plan('--json')) as { steps: { statement: string }[] };
  expect(said.steps.map(({ statement }) => statement)).toEqual(wanted);
  expect(await plan('--apply')).toBe(`done:\n  ${wanted.join(';\n  ')};\n`);
  expect(await plan()).toBe('nothing is to be done\n');
  await way.drain('govern', 'deliver-postgres');
});
