import { setTimeout as wait } from 'node:timers/promises';
import { type Keeping, KeptFold } from './kept-fold.ts';
import type { LaneChanges } from './lane-changes.ts';
import type { DifferenceKind } from './differences.ts';
import { type ExpectedChange, ExpectedChanges } from './expected-changes.ts';
import {
  type LaneRange,
  rangeOffsets,
  type RestingChange,
  type RestingHistory,
} from './resting-history.ts';
import { countsOf, mostTold, type ToldDifference } from './verified.ts';
import type { VerifiedRows } from './verify-rows.ts';

/** Holds every change of a table, as it rests in a history, against the topic: the sums of ranges of offsets first. */
export async function verifyHistory(
  resting: RestingHistory,
  changes: LaneChanges,
  keeping: Keeping | null,
): Promise<VerifiedRows> {
  const { digest, uncompared } = resting;
  const applied = await resting.applied();
  const expected = new ExpectedChanges(digest, applied.length);
  const folded = await KeptFold.begin(expected, changes, { digest, applied, keeping });
  const range = { from: folded.begun, to: applied };
  const hashing = resting.sums(range);
  hashing.catch(() => {}); // It is awaited below, and may fail before.
  await folded.upTo(applied, (change) => expected.take(change));
  const sums = await hashing;
  await folded.keep();
  const differing = expected.sums.differing(sums);
  let found: readonly ToldDifference[] = [];
  // What came to rest before it may be seen only after it: so it is looked at again.
  for (let look = 0; look < mostLooks && differing.size > 0; look++) {
    if (look > 0) await wait(lookAgainMs);
    found = await differencesIn(resting, folded, range, differing);
    if (found.length === 0) break;
  }
  return {
    equal: found.length === 0,
    rows: sums.rows,
    applied: applied.map(String),
    partial: !folded.isWhole,
    counts: countsOf(found),
    differences: found.slice(0, mostTold),
    unsettled: 0,
    uncompared,
  };
}

const mostLooks = 4;
const lookAgainMs = 250;

/** Change by change, within the ranges whose sums differ. */
async function differencesIn(
  resting: RestingHistory,
  { changes, expected }: KeptFold<ExpectedChanges>,
  range: LaneRange,
  differing: ReadonlySet<number>,
): Promise<readonly ToldDifference[]> {
  const wanted = new Map<string, Wanted>();
  const starts = await changes.records.bounds('start');
  const lanes = starts.length;
  const untold = new Set<number>(); // The topic no longer has all of them.
  for (const bucket of differing) {
    const lane = bucket % lanes;
    const first = BigInt(Math.floor(bucket / lanes) * rangeOffsets);
    const [from = 0n, to = 0n] = [range.from[lane], range.to[lane]];
    const last = first + BigInt(rangeOffsets);
    const begin = first > from ? first : from;
    if (begin < (starts[lane] ?? 0n)) {
      untold.add(bucket);
      continue;
    }
    await changes.each(lane, begin, last < to ? last : to, (change) => {
      const told = expected.told(change);
      if (!told) return;
      const known = wanted.get(idOf(told));
      if (known) known.times++;
      else wanted.set(idOf(told), { ...told, times: 1 });
    });
  }
  const told = new Set([...differing].filter((bucket) => !untold.has(bucket)));
  const found = told.size === 0 ? [] : against(await resting.changes(range, told), wanted);
  if (untold.size === 0) return found;
  const doubled = (await resting.changes(range, untold)).filter(({ count }) => count > 1);
  return [
    ...found,
    ...doubled.map(({ name, place }) => ({ kind: 'doubled', key: name, change: place }) as const),
    ...[...untold].map((bucket) => untoldIn(bucket, lanes, expected.sums.of(bucket).rows)),
  ];
}

/** A range that differs, of which nobody can tell any more what was in it. */
function untoldIn(bucket: number, lanes: number, rows: number): ToldDifference {
  const first = Math.floor(bucket / lanes) * rangeOffsets;
  const key = `lane ${bucket % lanes}, offsets ${first} to ${first + rangeOffsets - 1}`;
  return { kind: 'other', key, change: `${rows} changes, which the topic no longer has` };
}

type Wanted = ExpectedChange & { times: number };

function against(
  resting: readonly RestingChange[],
  wanted: ReadonlyMap<string, Wanted>,
): ToldDifference[] {
  const found: ToldDifference[] = [];
  const met = new Map<string, number>();
  for (const change of resting) {
    const expected = wanted.get(idOf(change));
    const before = met.get(idOf(change)) ?? 0;
    met.set(idOf(change), before + change.count);
    const kind = kindOf(change, expected, before);
    if (kind !== null)
      found.push({ kind, key: expected?.name ?? change.name, change: change.place });
  }
  for (const [id, { name, place }] of wanted)
    if (!met.has(id)) found.push({ kind: 'missing', key: name, change: place });
  return found;
}

/** A change that the topic has twice may have been folded into one, or not yet. */
function kindOf(
  { digest, count }: RestingChange,
  expected: (ExpectedChange & { readonly times: number }) | undefined,
  before: number,
): DifferenceKind | null {
  if (!expected) return 'extra';
  if (digest !== expected.digest) return 'other';
  return before + count > expected.times ? 'doubled' : null;
}

/** A change of a table as a whole has no key. */
const idOf = ({ place, hash }: { readonly place: string; readonly hash: string }): string =>
  place.startsWith('truncate') ? place : `${place} ${hash}`;
