import { expect, test } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import { breakOf, type Standing } from '../../../pipelines/wal/continuity.ts';
import { checkUnmoved } from '../../../pipelines/wal/slot.ts';
import { beginning } from '../../../pipelines/wal/recover.ts';

const slot = {
  database: 'shop',
  plugin: 'pgoutput',
  ours: true,
  confirmed: 900n,
  lost: null,
  pid: null,
  twoPhase: false,
  failover: false,
  synced: false,
};
const checkpoint = { lsn: 1_000n, system: '7', timeline: 1, era: 0, watermark: 5, recovery: null };
const well: Standing = {
  slot,
  checkpoint,
  server: { head: 2_000n, standby: false },
  identity: { system: '7', timeline: 1, history: '' },
};
const promoted = (fork: string) => ({
  system: '7',
  timeline: 2,
  history: `1\t${fork}\tno target\n`,
});

const goesOn: readonly (readonly [string, Partial<Standing>])[] = [
  ['a slot that is behind the checkpoint', {}],
  ['a slot that is exactly at the checkpoint', { slot: { ...slot, confirmed: 1_000n } }],
  ['a checkpoint exactly at the end of the WAL', { server: { head: 1_000n, standby: false } }],
  ['a server that was promoted after the checkpoint', { identity: promoted('0/3E9') }],
  ['a server that was promoted at the checkpoint', { identity: promoted('0/3E8') }],
  [
    'a server that was promoted twice, after the checkpoint',
    { identity: { system: '7', timeline: 3, history: '1\t0/3E8\tx\n2\t0/400\ty\n' } },
  ],
  ['a new stream', { slot: undefined, checkpoint: { ...checkpoint, lsn: 0n } }],
  [
    'a slot that was created, and its worker killed before it captured anything',
    { checkpoint: { ...checkpoint, lsn: 0n } },
  ],
];

test.for(goesOn)('%s goes on', ([, change]) => {
  expect(breakOf({ ...well, ...change })).toBeNull();
});

const breaks: readonly (readonly [string, Partial<Standing>, RegExp, boolean])[] = [
  ['a slot that was dropped', { slot: undefined }, /the slot is gone/, false],
  [
    'a slot that the server invalidated',
    { slot: { ...slot, lost: 'wal_removed' } },
    /invalidated the slot \(wal_removed\)/,
    false,
  ],
  [
    'a slot that was invalidated before anything was captured',
    { slot: { ...slot, lost: 'rows_removed' }, checkpoint: { ...checkpoint, lsn: 0n } },
    /invalidated the slot \(rows_removed\)/,
    false,
  ],
  [
    'a slot that something else advanced',
    { slot: { ...slot, confirmed: 1_001n } },
    /advanced to 0\/3E9 by something else/,
    false,
  ],
  [
    'another server',
    { identity: { ...well.identity, system: '8' } },
    /belongs to server 7, but source.url leads to server 8/,
    true,
  ],
  [
    'a server that was restored to an earlier time',
    { server: { head: 999n, standby: false } },
    /WAL ends at 0\/3E7, before the checkpoint at 0\/3E8: it was restored/,
    true,
  ],
  [
    'a timeline that forked before the checkpoint',
    { identity: promoted('0/3E7') },
    /timeline 2 of the server forked from timeline 1 at 0\/3E7, before the checkpoint at 0\/3E8/,
    true,
  ],
  [
    'an old primary that came back after the promotion of another',
    { checkpoint: { ...checkpoint, timeline: 2 } },
    /written on timeline 2, which the server, now on timeline 1, never went through/,
    true,
  ],
];

test.for(breaks)('%s is a break', ([, change, says, elsewhere]) => {
  const found = breakOf({ ...well, ...change });
  expect(found?.what).toMatch(says);
  expect(found?.elsewhere).toBe(elsewhere);
});

test('a standby that has not caught up with the checkpoint is waited for', () => {
  const behind = { ...well, server: { head: 999n, standby: true } };
  expect(() => breakOf(behind)).toThrow(NotNow);
  expect(() => breakOf(behind)).toThrow(/replayed WAL up to 0\/3E7 only/);
});

test('a slot that is made where there was none keeps the era, and the greatest commit time', () => {
  expect(beginning(checkpoint, well.identity, null)).toEqual({ ...checkpoint, lsn: 0n });
});

test('a slot in place of one that was given up begins an era, on whatever timeline, and keeps the greatest commit time', () => {
  const promoted = { ...well.identity, timeline: 2 };
  for (const identity of [well.identity, promoted])
    expect(beginning(checkpoint, identity, { elsewhere: false })).toEqual({
      ...checkpoint,
      timeline: identity.timeline,
      lsn: 0n,
      era: 1,
    });
});

const eras = [
  { was: { timeline: 1, era: 0 }, now: 1, era: 1 },
  { was: { timeline: 3, era: 0 }, now: 1, era: 3 },
  { was: { timeline: 1, era: 0 }, now: 2, era: 1 },
  { was: { timeline: 2, era: 5 }, now: 1, era: 7 },
];

test.for(eras)(
  'positions that begin anew are newer than all before: $was on timeline $now is era $era',
  ({ was, now, era }) => {
    const begun = beginning(
      { ...checkpoint, ...was },
      { ...well.identity, timeline: now },
      { elsewhere: true },
    );
    expect(begun.era).toBe(era);
    expect(begun.era + now).toBeGreaterThan(was.era + was.timeline);
  },
);

test('a stream without a past begins in era 0', () => {
  expect(beginning(null, well.identity, null)).toEqual({
    lsn: 0n,
    system: '7',
    timeline: 1,
    era: 0,
    watermark: 0,
    recovery: null,
  });
});

test('a slot that moved between the look at it and its reading is not read: the gap would be silent', async () => {
  const at = (lsn: string | null) => ({ ask: async () => (lsn === null ? [] : [{ lsn }]) });
  await checkUnmoved(at('0/3E8'), 'guest', 1_000n);
  await checkUnmoved(at('0/3E7'), 'guest', 1_000n);
  await checkUnmoved(at(null), 'guest', 1_000n); // The server says better what is wrong.
  await expect(checkUnmoved(at('0/3E9'), 'guest', 1_000n)).rejects.toThrow(
    'slot guest has moved to 0/3E9, past 0/3E8',
  );
});
