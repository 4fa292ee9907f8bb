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
const from = { lsn: 500n, system: '7', timeline: 1, era: 1, watermark: 0, recovery: null };
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
  replaces: null,
  start: null,
  ...change,
});

/** What is asked for, of runs that are there. */
async function asked(...all: readonly Run[]) {
  const requested: string[] = [];
  const replaced: string[] = [];
  const cancelled: number[] = [];
  const runs: Pick<Runs, 'all' | 'request' | 'replace' | 'become'> = {
    all: async () => all,
    request: async (table) => requested.push(table),
    async replace(table, base) {
      expect(base).toEqual(at(2, 500n));
      return replaced.push(table);
    },
    async become(id, status) {
      expect(status).toBe('cancelled');
      cancelled.push(id);
    },
  };
  await requestFirstCopy(runs as Runs, contracts, from);
  return { requested, replaced, cancelled };
}

test('the rows of every table are asked for, and of no outbox, for it has none', async () => {
  expect(await asked()).toEqual({ requested: tables, replaced: [], cancelled: [] });
});

const none = { requested: ['public.notes'], replaced: [], cancelled: [] };
const anew = { ...none, replaced: ['public.users'] };

const known: readonly (readonly [string, Partial<Run>, Awaited<ReturnType<typeof asked>>])[] = [
  ['one that is under way goes on', {}, none],
  ['one that waits goes on', { status: 'waiting', base: null }, none],
  ['one that is done since the slot was made counts', { status: 'done' }, none],
  ['one of an earlier slot is replaced', { base: at(2, 499n) }, { ...anew, cancelled: [1] }],
  ['one of an earlier era is replaced', { base: at(1, 900n) }, { ...anew, cancelled: [1] }],
  [
    'one that was paused before is replaced',
    { status: 'paused', base: at(1, 1n) },
    { ...anew, cancelled: [1] },
  ],
  ['one that was done before is replaced', { status: 'done', base: at(2, 499n) }, anew],
  ['one that was cancelled before is replaced', { status: 'cancelled', base: at(1, 1n) }, anew],
  ['one of some rows only does not count', { condition: 'id > 5' }, { ...none, requested: tables }],
];

test.for(known)('of copies that are there, %s', async ([, change, expected]) => {
  expect(await asked(run(1, change))).toEqual(expected);
});
