import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWay, type Way } from '../way/way.ts';
import { judgeOf } from './judge.ts';
import { printSeed, seed } from './seed.ts';
import type { Seen } from './seen.ts';
import { faultTables } from './tables.ts';
import type { Truth } from './truth.ts';
import { writerTo } from './workload.ts';

interface Form {
  readonly protocol: 1 | 2 | 3 | 4;
  readonly binary: boolean;
  readonly twoPhase: boolean;
}

const forms: readonly Form[] = [
  ...([1, 4] as const).flatMap((protocol) =>
    [false, true].map((binary) => ({ protocol, binary, twoPhase: false })),
  ),
  { protocol: 2, binary: true, twoPhase: false },
  { protocol: 3, binary: false, twoPhase: false },
  { protocol: 3, binary: false, twoPhase: true },
  { protocol: 4, binary: true, twoPhase: true },
];

const named = ({ protocol, binary, twoPhase }: Form) =>
  `protocol ${protocol}, ${binary ? 'binary' : 'text'}${twoPhase ? ', two phases' : ''}`;

let way: Way;
let truth: Truth;

const slotOf = ({ protocol, binary, twoPhase }: Form) =>
  `${way.name}_${protocol}${binary ? 'b' : 't'}${twoPhase ? '2' : '1'}`;

async function captureAs(form: Form): Promise<void> {
  const file = await way.variant(({ source }) =>
    Object.assign(source, form, { slot: slotOf(form), snapshot: 'never' }),
  );
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
}

/** Another slot at the very place of the first, which its worker takes for its own. */
async function copySlot(form: Form): Promise<void> {
  const slot = slotOf(form);
  await way.source.query(
    sql`SELECT pg_copy_logical_replication_slot(${way.name}, ${slot}, false, 'pgoutput')`,
  );
  await way.state.query(sql`
    INSERT INTO cdc_offsets (stream, lsn, system, timeline, era, watermark)
    SELECT ${`${way.name}/${slot}`}, lsn, system, timeline, era, watermark
    FROM cdc_offsets WHERE stream = ${`${way.name}/${way.name}`}`);
}

beforeAll(async () => {
  printSeed();
  way = await openWay(faultTables);
  await way.drain('capture');
  for (const form of forms) await (form.twoPhase ? captureAs(form) : copySlot(form));
  const judge = await judgeOf(way);
  await way.source.query(
    sql`ALTER DATABASE ${sql.ident(way.name)} SET logical_decoding_work_mem = '64kB'`,
  );
  await Promise.all(
    [0, 1, 2].map(async (each) => {
      await using writer = await writerTo(way.urls.source, {
        seed: seed * 10 + each,
        schema: way.name,
        bulk: 1_500,
        ddl: each === 0,
        twoPhase: true,
      });
      await writer.run(18);
    }),
  );
  await way.drain('capture');
  for (const form of forms) await captureAs(form);
  truth = await judge.judge();
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** A change as any slot must tell it: without what is of the slot, and of the topic. */
const told = (change: Seen) => ({ ...change, log: null, offset: null, bytes: null });

const streamOf = (slot: string) =>
  truth.once
    .filter(({ log }) => log === slot)
    .toSorted(
      (a, b) =>
        (a.table < b.table ? -1 : a.table > b.table ? 1 : 0) ||
        a.partition - b.partition ||
        a.offset - b.offset,
    );

test.for(forms.map((form) => [named(form), form] as const))(
  '%s gives the same changes at the same positions, record by record',
  async ([, form]) => {
    const wanted = streamOf(way.name);
    const stream = streamOf(slotOf(form));
    expect(stream.length).toBe(wanted.length);
    for (const [index, change] of stream.entries())
      expect(told(change)).toEqual(told(wanted[index]!));
    const [stats] = (await way.source.query(sql`
      SELECT stream_txns::int AS streamed FROM pg_stat_replication_slots
      WHERE slot_name = ${slotOf(form)}`)) as readonly { readonly streamed: number }[];
    if (form.protocol > 1) expect(stats?.streamed).toBeGreaterThan(0);
    else expect(stats?.streamed).toBe(0);
  },
);
