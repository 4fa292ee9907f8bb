import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gulp, type Job, RangeReader } from '../../../pipelines/backfill/range-reader.ts';
import { Watch } from '../../../pipelines/backfill/touched.ts';
import { Turns } from '../../../pipelines/backfill/turns.ts';
import { capturing } from '../../pipelines/wal/captured.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { items } from './tables.ts';

const logs: TestTable = {
  name: 'logs',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    'CREATE TABLE logs (id bigint PRIMARY KEY) PARTITION BY RANGE (id)',
    'CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (100)',
    'CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (100) TO (200)',
    'INSERT INTO logs SELECT generate_series(1, 199)',
  ],
  columns: [keep('id', 'bigint', { keyPosition: 1 })],
};

const mostKeys = 2;
let way: Way;
beforeAll(async () => {
  way = await openWay([items, logs]);
  await way.drain('capture');
  await way.commit("INSERT INTO items SELECT n, 1, n, 'a', 'b' FROM generate_series(1, 500) n");
});
afterAll(() => way?.[Symbol.asyncDispose]());

interface Meanwhile {
  readonly changed?: number; // Keys of the table, at each gulp.
  readonly planned?: () => Promise<void>; // Once it is known what there is to read.
}

/** Reads a table's first part in one range, whatever happens meanwhile; tells what became of it. */
async function reading(name: string, { changed = 0, planned }: Meanwhile = {}) {
  const { opening, output, made } = await capturing({ contracts: [...way.contracts.values()] });
  const watch = new Watch(mostKeys);
  const table = `${way.name}.${name}`;
  const { signal } = new AbortController();
  await using reader = new RangeReader(
    {
      url: way.urls.source,
      publication: way.name,
      contracts: way.contracts,
      brought: () => 1n,
    },
    { opening, output, watch, turns: new Turns() },
    { log: 'a log', system: '1' },
    signal,
  );
  const plan = await reader.plan(table);
  if (plan.kind === 'refused') return expect.unreachable(plan.message);
  await planned?.();
  const [part] = plan.parts;
  const base = { lsn: 10n, timeline: 1, watermark: 0 };
  const job: Job = {
    run: 1,
    table: plan,
    condition: null,
    base,
    read: 1,
    part: part!,
    blocks: [0, part!.blocks],
    notStreamed: null,
    past: null,
  };
  const push = (gulp: Gulp) => {
    for (let id = 1; id <= changed; id++) watch.changed(table, JSON.stringify({ id }));
    gulp.reading.encode(gulp);
    gulp.taken();
  };
  const whole = await reader.read(job, push);
  return { whole, rows: made().changes.length };
}

test('what is changed while a range is read is left to the stream', async () => {
  expect(await reading('items')).toEqual({ whole: true, rows: 500 });
  expect(await reading('items', { changed: mostKeys })).toEqual({
    whole: true,
    rows: 500 - mostKeys,
  });
});

test('of a range in which more is changed than is remembered nothing is sent, and it is read again', async () => {
  expect(await reading('items', { changed: mostKeys + 1 })).toEqual({ whole: false, rows: 0 });
});

test('who has a partition locked waits for no other: the owner who moves partitions about may wait for it', async () => {
  const owner = new pg.Client({ connectionString: way.urls.source });
  await owner.connect();
  const planned = async () => {
    await owner.query(`BEGIN; LOCK TABLE ${way.name}.logs_2, ONLY ${way.name}.logs`);
  };
  try {
    expect(await reading('logs', { planned })).toEqual({ whole: true, rows: 99 });
  } finally {
    await owner.end();
  }
});
