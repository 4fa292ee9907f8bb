import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Run, type Runs, runsAt } from '../../../pipelines/backfill/runs.ts';
import { contractOf, keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { changesOf } from './folded.ts';

const tableOf = (name: string): TestTable => ({
  name,
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [`CREATE TABLE ${name} (id bigint PRIMARY KEY, note text)`],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('note', 'text')],
});

let way: Way;
let runs: Runs;

beforeAll(async () => {
  way = await openWay([tableOf('early')]);
  await way.drain('capture');
  await way.commit("INSERT INTO early VALUES (1, 'x')");
  await way.drain('capture'); // The stream has begun.
  runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
});

afterAll(async () => {
  await runs?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

const make = (name: string) =>
  way.commit(...tableOf(name).ddl, `INSERT INTO ${name} VALUES (1, 'old')`);

const promise = (name: string) =>
  writeFile(join(way.folder, 'contracts', `${name}.yaml`), contractOf(way.name, tableOf(name)));

async function gain(name: string): Promise<void> {
  await make(name);
  await promise(name);
}

const runsOf = async (name: string): Promise<readonly Run[]> =>
  (await runs.all()).filter(({ table }) => table === `${way.name}.${name}`);

const rowsOf = async (name: string) =>
  (await changesOf(way, name)).map(({ change }) => String(change.after?.['note'])).toSorted();

test('a table that gains its contract later is copied, once, and then followed', async () => {
  await gain('late');
  await way.drain('capture');
  expect(await rowsOf('late')).toEqual(['old']);
  await way.commit("INSERT INTO late VALUES (2, 'streamed')");
  await way.drain('capture');
  await way.drain('capture');
  expect(await rowsOf('late')).toEqual(['old', 'streamed']);
  expect(await runsOf('late')).toMatchObject([{ status: 'done', rows: 1 }]);
  expect(await runsOf('early')).toHaveLength(1);
});

test('a table that its owner has published already is copied when it gains its contract', async () => {
  await gain('published');
  await way.commit(`ALTER PUBLICATION ${way.name} ADD TABLE published`);
  await way.drain('capture');
  await way.drain('capture');
  expect(await rowsOf('published')).toEqual(['old']);
  expect(await runsOf('published')).toMatchObject([{ status: 'done', rows: 1 }]);
});

test('a table that comes after its contract, and is published by its owner, is copied once it is there', async () => {
  await promise('coming');
  await way.drain('capture');
  expect(await runsOf('coming')).toEqual([]);
  await make('coming');
  await way.commit(`ALTER PUBLICATION ${way.name} ADD TABLE coming`);
  await way.drain('capture');
  expect(await rowsOf('coming')).toEqual(['old']);
});

test('a table that was not published for a while is copied again: nobody told what happened meanwhile', async () => {
  await way.commit(`ALTER PUBLICATION ${way.name} DROP TABLE late`);
  await way.commit("INSERT INTO late VALUES (3, 'missed')");
  await way.drain('capture');
  expect(await rowsOf('late')).toContain('missed');
  expect(await runsOf('late')).toMatchObject([{ rows: 1 }, { status: 'done', rows: 3 }]);
});

test('where no first copy is wanted, none is made of a table that comes later', async () => {
  await gain('never');
  const file = await way.variant(({ source }) => (source['snapshot'] = 'never'));
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
  expect(await runsOf('never')).toEqual([]);
});

test('what a transaction wrote before the table was published, and commits afterwards, is not lost', async () => {
  await gain('open');
  await using capture = await way.source.tx(async (tx) => {
    await tx.query(sql`INSERT INTO open VALUES (2, 'before it was published')`);
    const worker = way.start(['run', 'capture']);
    await worker.running();
    await tx.query(sql`INSERT INTO open VALUES (3, 'after it was published')`);
    await vi.waitFor(async () => expect((await runsOf('open'))[0]?.status).toBe('running'));
    return worker;
  });
  await vi.waitFor(
    async () => expect((await runsOf('open'))[0]?.status, capture.stderr).toBe('done'),
    { timeout: 20_000 },
  );
  expect(new Set(await rowsOf('open'))).toEqual(
    new Set(['after it was published', 'before it was published', 'old']),
  );
});
