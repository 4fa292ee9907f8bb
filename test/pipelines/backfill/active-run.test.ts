import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ActiveRun } from '../../../pipelines/backfill/active-run.ts';
import type { Part } from '../../../pipelines/backfill/described.ts';
import type { CopiedPart, Run } from '../../../pipelines/backfill/runs.ts';

const run = (parts: readonly CopiedPart[] = []): Run => ({
  id: 1,
  table: 'public.users',
  condition: null,
  status: 'running',
  base: null,
  parts,
  rows: 0,
  message: null,
  compared: null,
  replaces: null,
  start: null,
});
const part = (name: string, blocks: number, filenode = 1): Part => ({
  part: name,
  oid: 1,
  filenode,
  blocks,
  through: null,
});

const parts = fc
  .array(fc.nat(9_000), { maxLength: 4 })
  .map((lengths) => lengths.map((blocks, index) => part(`public.p${index}`, blocks)));

/** Claims until there is nothing left; `becomes` is what happens to each range. */
function claimAll(active: ActiveRun, all: readonly Part[], becomes: readonly ('read' | 'lost')[]) {
  const read: Record<string, number> = {};
  for (let turn = 0; turn < 1_000; turn++) {
    active.agree(all);
    const claim = active.claim();
    if (!claim) return read;
    const { part: name, blocks } = claim;
    if (becomes[turn % becomes.length] === 'lost') active.release(name, blocks);
    else {
      active.complete(
        all.find((each) => each.part === name)!,
        blocks,
        2,
      );
      read[name] = (read[name] ?? 0) + blocks[1] - blocks[0];
    }
  }
  return expect.unreachable('it went on for ever');
}

const fates = fc
  .array(fc.constantFrom('read' as const, 'lost' as const), { maxLength: 5 })
  .map((all) => [...all, 'read' as const]);

test('every block of every part is read once, though ranges are lost on the way', () => {
  fc.assert(
    fc.property(parts, fates, (all, becomes) => {
      const active = new ActiveRun(run());
      const read = claimAll(active, all, becomes);
      for (const { part: name, blocks } of all) expect(read[name] ?? 0).toBe(blocks);
      expect(active.isBusy).toBe(false);
      const done = active.parts.map((each) => each.done);
      expect(done).toEqual(all.map(({ blocks }) => (blocks === 0 ? [] : [[0, blocks]])));
    }),
    { numRuns: 50 },
  );
});

test('what was read before is not read again, whoever goes on', () => {
  const all = [part('public.a', 5_000)];
  const first = new ActiveRun(run());
  first.agree(all);
  const claimed = first.claim()!;
  first.complete(all[0]!, claimed.blocks, 10);
  expect(first.rows).toBe(10);
  const next = new ActiveRun(run(first.parts));
  expect(claimAll(next, all, ['read'])).toEqual({ 'public.a': 5_000 - claimed.blocks[1] });
});

test('nobody is given a range that somebody reads', () => {
  const all = [part('public.a', 5_000), part('public.b', 10)];
  const active = new ActiveRun(run());
  active.agree(all);
  const claims = Array.from({ length: 5 }, () => active.claim());
  expect(claims).toEqual([
    { part: 'public.a', blocks: [0, 2_048] },
    { part: 'public.a', blocks: [2_048, 4_096] },
    { part: 'public.a', blocks: [4_096, 5_000] },
    { part: 'public.b', blocks: [0, 10] },
    null,
  ]);
  expect(active.isBusy).toBe(true);
});

test('a part that lies elsewhere now is read anew, and what comes late of the old one counts for nothing', () => {
  const active = new ActiveRun(run());
  const [old, now] = [part('public.a', 100, 1), part('public.a', 80, 2)];
  active.agree([old]);
  const { blocks } = active.claim()!;
  active.agree([now]);
  expect(active.claim()).toEqual({ part: 'public.a', blocks: [0, 80] });
  active.complete(old, blocks, 5);
  expect(active.parts).toMatchObject([{ filenode: 2, done: [] }]);
  expect(active.isBusy).toBe(true);
});

test('what a part grows after it was first looked at is not read: the stream brings it', () => {
  const active = new ActiveRun(run());
  active.agree([part('public.a', 10)]);
  expect(claimAll(active, [part('public.a', 500)], ['read'])).toEqual({ 'public.a': 10 });
});

test('a part that is gone is not waited for', () => {
  const active = new ActiveRun(run());
  active.agree([part('public.a', 10), part('public.b', 10)]);
  expect(claimAll(active, [part('public.b', 10)], ['read'])).toEqual({ 'public.b': 10 });
  expect(active.parts.map((each) => each.part)).toEqual(['public.b']);
});

test('what replaces all before a place is read once the stream has come there: what is copied before would end with it', () => {
  const at = (timeline: number, lsn: bigint) => ({ timeline, lsn, watermark: 0 });
  const active = new ActiveRun({ ...run(), replaces: { ...at(2, 500n), read: 1 } });
  const nows = [at(1, 900n), at(2, 499n), at(2, 500n), at(3, 1n)];
  expect(nows.map((now) => active.isDue(now))).toEqual([false, false, true, true]);
  active.isReplaced = true;
  expect(active.isDue(at(2, 499n))).toBe(true);
  active.isPaused = true;
  expect(active.isDue(at(2, 500n))).toBe(false);
});
