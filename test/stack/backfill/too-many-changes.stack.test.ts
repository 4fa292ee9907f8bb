import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Gulp, type Job, RangeReader } from '../../../pipelines/backfill/range-reader.ts';
import { Watch } from '../../../pipelines/backfill/touched.ts';
import { capturing } from '../../pipelines/wal/captured.ts';
import { openWay, type Way } from '../way/way.ts';
import { items } from './tables.ts';

const mostKeys = 2;
let way: Way;
beforeAll(async () => {
  way = await openWay([items]);
  await way.drain('capture');
  await way.commit("INSERT INTO items SELECT n, 1, n, 'a', 'b' FROM generate_series(1, 500) n");
});
afterAll(() => way?.[Symbol.asyncDispose]());

/** Reads the table in one range, while so many of its keys change at each gulp; tells what became of it. */
async function reading(changed: number) {
  const { opening, output, made } = await capturing({ contracts: [...way.contracts.values()] });
  const watch = new Watch(mostKeys);
  const table = `${way.name}.items`;
  const { signal } = new AbortController();
  await using reader = new RangeReader(
    {
      url: way.urls.source,
      publication: way.name,
      contracts: way.contracts,
      brought: () => 1n,
    },
    { opening, output, watch },
    { log: 'a log', system: '1' },
    signal,
  );
  const plan = await reader.plan(table);
  if (plan.kind === 'refused') return expect.unreachable(plan.message);
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
  expect(await reading(0)).toEqual({ whole: true, rows: 500 });
  expect(await reading(mostKeys)).toEqual({ whole: true, rows: 500 - mostKeys });
});

test('of a range in which more is changed than is remembered nothing is sent, and it is read again', async () => {
  expect(await reading(mostKeys + 1)).toEqual({ whole: false, rows: 0 });
});
