import { setTimeout as wait } from 'node:timers/promises';
import { type Difference, Differences, differencesOf } from './differences.ts';
import { ExpectedRows } from './expected-rows.ts';
import { type Keeping, KeptFold } from './kept-fold.ts';
import type { LaneChanges } from './lane-changes.ts';
import type { RestingRow, RestingRows } from './resting-rows.ts';
import { countsOf, mostTold, type ToldDifference, type Verified } from './verified.ts';

export type VerifiedRows = Omit<Verified, 'sink' | 'table' | 'seconds'>;

/** Holds the current rows of a table, as they rest in a sink, against what its topic comes to at the same place. */
export async function verifyRows(
  resting: RestingRows,
  changes: LaneChanges,
  keeping: Keeping | null,
): Promise<VerifiedRows> {
  const { digest } = resting;
  const applied = await resting.applied();
  // The server is asked at once: it hashes on a processor of its own.
  const hashing = resting.sums?.() ?? Promise.resolve(null);
  hashing.catch(() => {}); // It is awaited below, and may fail before.
  const begin = { digest, applied, keeping };
  const folded: Folded = await KeptFold.begin(new ExpectedRows(digest), changes, begin);
  await onTo(folded, applied);
  const sums = await hashing;
  await folded.keep(); // Before it goes on to where the sink may come meanwhile.
  const { expected, isWhole } = folded;
  let differences = await differencesOf(resting, expected, isWhole, sums);
  let unsettled = 0;
  if (!resting.isStill && differences.found.size > 0)
    ({ differences, unsettled } = await lookedAgain(resting, folded, differences));
  const found = [...differences.found.values()];
  return {
    equal: found.length === 0,
    rows: sums?.rows ?? differences.looked,
    applied: folded.offsets.map(String),
    partial: !isWhole,
    counts: countsOf(found),
    differences: await told(resting, folded, found.slice(0, mostTold)),
    unsettled,
    uncompared: resting.uncompared,
  };
}

type Folded = KeptFold<ExpectedRows>;

/** Folds on; returns the keys that were touched, by their hashes. */
async function onTo(
  folded: Folded,
  applied: readonly bigint[],
  note?: 'noting keys',
): Promise<ReadonlyMap<string, string>> {
  const touched = new Map<string, string>();
  await folded.upTo(applied, (change) => folded.expected.take(change, note ? touched : null));
  return touched;
}

const mostLooks = 50;
const enoughLooks = 4; // At what does not move; at what a truncate is still clearing away, all.
const lookAgainMs = 100;

/**
 * A sink without snapshots moves while it is looked at. What differs is looked at again, until it agrees, or was seen
 * to differ several times while nothing of it changed between what was applied before and after the look.
 */
async function lookedAgain(
  resting: RestingRows,
  folded: Folded,
  first: Differences,
): Promise<{ readonly differences: Differences; readonly unsettled: number }> {
  const { expected } = folded;
  const open = new Map([...first.found].map(([hash, { name }]) => [hash, { name, looks: 0 }]));
  await nameAll(open, folded, await onTo(folded, await resting.applied(), 'noting keys'));
  const settled = new Differences(expected, folded.isWhole);
  settled.looked = first.looked;
  for (let look = 0; look < mostLooks && open.size > 0; look++) {
    if (look > 0) await wait(lookAgainMs);
    await onTo(folded, await resting.applied());
    const rows: RestingRow[] = [];
    await resting.some(
      [...open.values()].flatMap(({ name }) => name ?? []),
      (row) => rows.push(row),
    );
    const moved = await onTo(folded, await resting.applied(), 'noting keys');
    const seen = new Differences(expected, folded.isWhole);
    for (const row of rows) seen.take(row);
    seen.end([...open.keys()].map(halvesOf).filter(([high, low]) => expected.isThere(high, low)));
    for (const [hash, known] of open) {
      if (moved.has(hash)) continue;
      const difference = seen.found.get(hash);
      known.looks++;
      const isTruncated = expected.isTruncated(...halvesOf(hash));
      const enough = isTruncated ? mostLooks : enoughLooks;
      if (difference && known.looks < enough && look < mostLooks - 1) continue;
      open.delete(hash);
      if (difference) settled.found.set(hash, { ...difference, name: known.name });
    }
  }
  return { differences: settled, unsettled: open.size };
}

/** Whoever is looked for by his key needs one. */
async function nameAll(
  open: ReadonlyMap<string, { name: string | null }>,
  folded: Folded,
  touched: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [hash, known] of open) known.name ??= touched.get(hash) ?? null;
  const unnamed = [...open].filter(([, { name }]) => name === null).map(([hash]) => hash);
  const names = await namesInTopic(folded, new Set(unnamed));
  for (const [hash, known] of open) known.name ??= names.get(hash) ?? null;
}

const halvesOf = (hash: string): readonly [number, number] => [
  Number.parseInt(hash.slice(0, 8), 16) | 0,
  Number.parseInt(hash.slice(8), 16) | 0,
];

/** Names the rows: by the sink, or by the topic where the sink does not have them. */
async function told(
  resting: RestingRows,
  folded: Folded,
  found: readonly Difference[],
): Promise<readonly ToldDifference[]> {
  const unnamed = new Set(found.flatMap(({ name, hash }) => (name === null ? [hash] : [])));
  const names = new Map(unnamed.size === 0 ? [] : await resting.names(unnamed));
  const absent = new Set([...unnamed].filter((hash) => !names.has(hash)));
  for (const [hash, name] of await namesInTopic(folded, absent)) names.set(hash, name);
  return found.map(({ kind, hash, name, fault }) => ({
    kind,
    key: name ?? names.get(hash) ?? `hash ${hash}`,
    ...(fault && { relationship: `${fault.is} ${fault.relationship}` }),
  }));
}

/** The keys that have these hashes, as far as the topic still has them. */
async function namesInTopic(
  { changes, offsets, expected }: Folded,
  hashes: ReadonlySet<string>,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  if (hashes.size === 0) return names;
  const starts = await changes.records.bounds('start');
  for (const [lane, to] of offsets.entries())
    await changes.each(lane, starts[lane] ?? 0n, to, (change) => {
      const key = expected.keyOf(change);
      if (key && hashes.has(key.hash)) names.set(key.hash, key.name);
    });
  return names;
}
