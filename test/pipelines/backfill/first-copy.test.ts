import { expect, test } from 'vitest';
import { requestFirstCopy } from '../../../pipelines/backfill/first-copy.ts';
import type { Base, Run, Runs } from '../../../pipelines/backfill/runs.ts';
import { contractOf } from '../../sinks/changes.ts';

const tables = ['public.users', 'public.notes'];
const contracts = new Map(
  [
    ...tables.map((table) => contractOf(table, { id: 'bigint' })),
    { ...contractOf('app.events', { id: 'bigint' }), outbox: true as const },
  ].map((each) => [each.table, each]),
);
const from = { lsn: 500n, system: '7', timeline: 1, era: 1, watermark: 0 };
const at = (timeline: number, lsn: bigint): Base => ({ timeline, lsn, watermark: 0 });

const run = (id: number, change: Partial<Run>): Run => ({
  id,
  table: 'public.users',
  condition: null,
  status: 'running',
  base: at(2, 500n),
  parts: [],
  rows: 0,
  message: null,
  compared: null,
  ...change,
});

/** What is asked for, of runs that are there. */
async function asked(...all: readonly Run[]) {
  const requested: string[] = [];
  const anew: number[] = [];
  const runs: Pick<Runs, 'all' | 'request' | 'beginAnew'> = {
    all: async () => all,
    request: async (table) => requested.push(table),
    beginAnew: async (id) => void anew.push(id),
  };
  await requestFirstCopy(runs as Runs, contracts, from);
  return { requested, anew };
}

test('the rows of every table are asked for, and of no outbox, for it has none', async () => {
  expect(await asked()).toEqual({ requested: tables, anew: [] });
});

const known: readonly (readonly [string, Partial<Run>, readonly string[], readonly number[]])[] = [
  ['one that is under way goes on', {}, ['public.notes'], []],
  ['one that waits goes on', { status: 'waiting', base: null }, ['public.notes'], []],
  ['one that is done since the slot was made counts', { status: 'done' }, ['public.notes'], []],
  ['one of an earlier slot begins anew', { base: at(2, 499n) }, ['public.notes'], [1]],
  ['one of an earlier era begins anew', { base: at(1, 900n) }, ['public.notes'], [1]],
  [
    'one that was paused before begins anew',
    { status: 'paused', base: at(1, 1n) },
    ['public.notes'],
    [1],
  ],
  ['one that was done before does not count', { status: 'done', base: at(2, 499n) }, tables, []],
  [
    'one that was cancelled before does not count',
    { status: 'cancelled', base: at(1, 1n) },
    tables,
    [],
  ],
  ['one of some rows only does not count', { condition: 'id > 5' }, tables, []],
];

test.for(known)('of copies that are there, %s', async ([, change, requested, anew]) => {
  expect(await asked(run(1, change))).toEqual({ requested, anew });
});
