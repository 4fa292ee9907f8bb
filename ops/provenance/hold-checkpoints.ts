import type { Evidence } from '../../processors/evidence.ts';
import type { SaidCheckpoint } from '../../schemas/log-checkpoint.ts';
import { type Hash, rootOf, rootsOf } from '../../schemas/merkle-tree.ts';
import { hasSigned, type Verifier } from '../../schemas/signed-note.ts';
import type { LogCopy } from './log-copy.ts';

/** The entries of a log, as they were read. */
interface ReadLog {
  readonly origin: string;
  readonly evidence: Evidence; // What they say.
  readonly leaves: readonly Hash[];
  readonly leafHashes: LogCopy['leafHashes'];
  readonly checkpoints: readonly string[]; // Whoever signed them.
}

interface Asked {
  readonly trusted: readonly Verifier[];
  readonly earlier: string | null;
  readonly quorum: number;
}

/** What checkpoints say of a log. */
interface Held {
  readonly newest: SaidCheckpoint | null; // Of those that a trusted key has signed.
  readonly cosigned: SaidCheckpoint | null; // The one that witnesses were asked for.
  readonly cosignedBy: readonly string[];
  readonly faults: readonly Fault[];
}

interface Fault {
  readonly index: number | null;
  readonly named: number | null; // The place of the entry whose segment it names.
  readonly what: string;
}

/** Holds the tree against every checkpoint that a trusted key has signed, and against the one that was kept. */
export function holdCheckpoints(log: ReadLog, { trusted, earlier: kept, quorum }: Asked): Held {
  const { origin, evidence, checkpoints } = log;
  const signed = checkpoints.flatMap((text) => evidence.readCheckpoint(origin, text) ?? []);
  const earlier = kept === null ? null : evidence.readCheckpoint(origin, kept);
  const sizes = [...signed, ...(earlier ? [earlier] : [])].map(({ size }) => size);
  const roots = rootsOf(log.leaves, new Set(sizes));
  const agrees = ({ size, root }: SaidCheckpoint) => roots.get(size)?.equals(root) ?? false;
  const newest =
    signed.toSorted((a, b) => b.size - a.size || Number(agrees(b)) - Number(agrees(a)))[0] ?? null;

  const faults: Fault[] = [];
  const fault = (what: string) => void faults.push({ index: null, named: null, what });
  if (!newest) fault('there is no checkpoint that a trusted key has signed');
  else if (!agrees(newest)) faults.push(...whereItDiffers(log, newest));
  faults.push(...forks(signed, agrees));
  if (kept !== null && !earlier)
    fault('the earlier checkpoint is none of this log, or no key that is trusted has signed it');
  if (earlier && earlier.size > log.leaves.length)
    fault(
      `the log has ${log.leaves.length} entries, and had ${earlier.size} by the earlier checkpoint: entries were removed`,
    );
  else if (earlier && !agrees(earlier))
    fault(
      `the first ${earlier.size} entries are not those of the earlier checkpoint: the log was rewritten`,
    );

  const cosigned = earlier ?? newest;
  const cosignedBy = cosigned ? witnessesOf(trusted, cosigned) : [];
  if (cosignedBy.length < quorum) {
    const which = cosigned ? `the checkpoint of ${cosigned.size} entries` : 'a checkpoint';
    fault(`${cosignedBy.length} witnesses have signed ${which}, not ${quorum}`);
  }
  return { newest, cosigned, cosignedBy, faults };
}

/** A witness that is listed twice, by whatever names, is one. */
function witnessesOf(trusted: readonly Verifier[], { note }: SaidCheckpoint): readonly string[] {
  const signed = trusted.filter((each) => each.kind === 'witness' && hasSigned(each, note));
  return [...new Map(signed.map(({ key, name }) => [key.id, name])).values()];
}

/**
 * Checkpoints of another history than one that is signed, too. Where the tree agrees with none that is
 * as large, entries may have been changed, and nothing else was signed.
 */
function forks(
  signed: readonly SaidCheckpoint[],
  agrees: (checkpoint: SaidCheckpoint) => boolean,
): readonly Fault[] {
  const agreed = signed.filter(agrees).reduce((most, { size }) => Math.max(most, size), -1);
  const rootsAt = Map.groupBy(signed, ({ size }) => size);
  const isOther = ({ size, root }: SaidCheckpoint) =>
    size <= agreed || (rootsAt.get(size) ?? []).some((each) => !each.root.equals(root));
  const others = signed.filter((each) => !agrees(each) && isOther(each));
  const first = others.toSorted((a, b) => a.size - b.size)[0];
  if (!first) return [];
  const { size, root } = first;
  const what = `a fork: of ${others.length} signed checkpoints the entries are others, first of that of ${size} entries with root ${root.toString('hex')}: two histories were signed`;
  return [{ index: null, named: null, what }];
}

/** Where the tree is another than was signed, the copy's own hashes may tell from which entry on. */
function whereItDiffers(
  { leafHashes, leaves }: Pick<ReadLog, 'leafHashes' | 'leaves'>,
  { size, root }: SaidCheckpoint,
): readonly Fault[] {
  const faults: Fault[] = [];
  const isProved = leafHashes.length === size && rootOf(leafHashes).equals(root);
  const first = leafHashes.findIndex((hash, at) => !leaves[at]?.equals(hash));
  if (isProved && first < leaves.length) faults.push(misplaced(leaves, leafHashes, first));
  if (leaves.length < size)
    faults.push({
      index: null,
      named: null,
      what: `the log has ${leaves.length} of the ${size} entries that its checkpoint speaks of: manifests were removed`,
    });
  else if (!isProved)
    faults.push({
      index: null,
      named: null,
      what: 'the entries are not those that the checkpoint has signed, or in another order',
    });
  return faults;
}

/** What became of the entry that was signed at a place; of one that was removed what follows it tells the name. */
function misplaced(leaves: readonly Hash[], signed: readonly Hash[], at: number): Fault {
  const belongs = signed.findIndex((each) => leaves[at]?.equals(each));
  const moved = leaves.findIndex((leaf) => signed[at]?.equals(leaf));
  if (belongs < at)
    return {
      index: at,
      named: at,
      what: `entry ${at} of the log is not the one that the checkpoint has there`,
    };
  const which = `the entry that the checkpoint has at ${at}`;
  return moved < 0
    ? { index: at, named: null, what: `${which} is missing: a manifest was removed` }
    : { index: at, named: moved, what: `${which} comes later: a reordering` };
}
