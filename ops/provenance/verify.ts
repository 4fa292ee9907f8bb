import { Evidence, type Judged } from '../../processors/evidence.ts';
import { segmentFault } from '../../processors/segment-fault.ts';
import { parseCheckpoint, type SaidCheckpoint } from '../../schemas/log-checkpoint.ts';
import { leafHash, rootOf } from '../../schemas/merkle-tree.ts';
import { hasSigned, type Verifier } from '../../schemas/signed-note.ts';
import { type Manifest, segmentName } from '../../schemas/stream-manifest.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import type { LogCopy } from './log-copy.ts';

/** Something that is not as it was proved. */
export interface Fault {
  readonly index: number | null; // Of the entry; null where it is the log as a whole.
  readonly segment: string | null;
  readonly what: string;
}

/** What is known of a stream after it was verified. */
export interface VerifiedStream {
  readonly stream: string;
  readonly segments: number;
  readonly records: number;
  readonly lsnTo: string;
  readonly resent: number;
  readonly gone: number; // Segments whose records their topic does not keep any more.
  readonly unproved: number; // Records that came after the last segment.
}

/** What came of it. The first fault is the first bad segment. */
export interface Verified {
  readonly verified: boolean;
  readonly origin: string;
  readonly entries: number;
  readonly checkpoint: { readonly size: number; readonly root: string } | null;
  readonly cosignedBy: readonly string[];
  readonly streams: readonly VerifiedStream[];
  readonly faults: readonly Fault[];
}

/** What to verify, and whom to trust. */
export interface Wanted {
  readonly trusted: readonly Verifier[];
  readonly stream: string | null;
  readonly from: string | null; // A place in the log of the source: an LSN, or the number of a segment.
  readonly to: string | null;
  readonly earlier: string | null; // A checkpoint that was kept.
  readonly quorum: number; // How many witnesses must have signed it, or the log's own.
  readonly requireRecords: boolean;
  /** Told the bytes of every segment that was read. */
  readonly onSegment?: (manifest: Manifest, bytes: Buffer) => Promise<void>;
  readonly onEntry?: (entry: Buffer) => void;
}

/** Holds a log, and the records that it speaks of, against each other and against keys that are trusted. */
export async function verify(copy: LogCopy, wanted: Wanted): Promise<Verified> {
  const logKeys = wanted.trusted.filter(({ kind }) => kind === 'log');
  const origin = logKeys[0]?.name ?? '';
  const evidence = new Evidence(logKeys.map(({ key }) => key));
  const { judged, leaves, faults } = judgeEntries(copy, evidence, wanted.onEntry);
  const log = { origin, evidence, leaves, judged };
  const found = checkpointsOf(copy, log, wanted, faults);
  const records = await verifyRecords(copy, judged, wanted, faults);
  const streams = await Promise.all(
    records.map(async (stream) => {
      const head = evidence.heads.get(stream.stream);
      const unproved = head && wanted.to === null ? await copy.unproved(head) : 0;
      return { ...stream, unproved };
    }),
  );
  faults.push(...withoutManifest(copy, judged));
  const sorted = faults.toSorted((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity));
  const { size, root } = found.checkpoint ?? {};
  return {
    verified: sorted.length === 0,
    origin,
    entries: leaves.length,
    checkpoint: size !== undefined && root ? { size, root: root.toString('hex') } : null,
    cosignedBy: found.cosignedBy,
    streams,
    faults: sorted,
  };
}

function judgeEntries(copy: LogCopy, evidence: Evidence, onEntry: Wanted['onEntry']) {
  const faults: Fault[] = [];
  const judged: Judged[] = [];
  const leaves: Buffer[] = [];
  const elsewhere = placesOf(copy);
  for (const [index, claims] of copy.entries.entries()) {
    let [entry] = claims;
    let one: Judged | null = null;
    for (const claim of claims) {
      const looked = evidence.judge(claim);
      if (one && looked.faults.length > 0) continue;
      one = looked;
      entry = claim;
      if (looked.faults.length === 0) break;
    }
    if (!one || !entry) {
      faults.push({ index, segment: null, what: `entry ${index} of the log is missing` });
      continue;
    }
    for (const { what, segment } of one.faults) {
      const manifest = one.said?.kind === 'segment' ? one.said.manifest : null;
      const named = manifest && segmentName({ ...manifest, number: segment ?? manifest.number });
      const isLater = segment !== undefined && named !== null && elsewhere.has(named);
      const told = isLater ? `${what} here, and comes later: a reordering` : what;
      faults.push({ index, segment: named, what: told });
    }
    evidence.accept(one);
    leaves.push(leafHash(entry));
    judged.push(one);
    onEntry?.(entry);
  }
  return { judged, leaves, faults };
}

/** The names of all segments that have a manifest somewhere, whoever signed it. */
function placesOf({ entries }: LogCopy): ReadonlySet<string> {
  const judge = new Evidence([]);
  const said = entries.flat().map((entry) => judge.judge(entry).said);
  return new Set(
    said.flatMap((each) => (each?.kind === 'segment' ? [segmentName(each.manifest)] : [])),
  );
}

/** Records that were proved once, by a manifest that is not there any more. */
function withoutManifest({ segments }: LogCopy, judged: readonly Judged[]): readonly Fault[] {
  const known = new Set(judged.map(nameOf));
  const what = 'its records are here, and no manifest speaks of them: a manifest was removed';
  return segments
    .filter((segment) => !known.has(segment))
    .map((segment) => ({ index: null, segment, what }));
}

const nameOf = ({ said }: Judged): string | null =>
  said?.kind === 'segment' ? segmentName(said.manifest) : null;

interface Log {
  readonly judged: readonly Judged[];
  readonly origin: string;
  readonly evidence: Evidence;
  readonly leaves: readonly Buffer[];
}

function checkpointsOf(copy: LogCopy, log: Log, wanted: Wanted, faults: Fault[]) {
  const fault = (what: string, index: number | null = null) => {
    const there = index === null ? undefined : log.judged[index];
    faults.push({ index, segment: there ? nameOf(there) : null, what });
  };
  const signed = copy.checkpoints.flatMap((text) => signedBy(log, text) ?? []);
  const checkpoint = signed.toSorted((a, b) => b.size - a.size)[0] ?? null;
  if (!checkpoint) fault('there is no checkpoint that a trusted key has signed');
  else holdAgainst(copy, log, checkpoint, fault);

  const earlier = wanted.earlier === null ? null : signedBy(log, wanted.earlier);
  if (wanted.earlier !== null && !earlier)
    fault('the earlier checkpoint is none of this log, or no key that is trusted has signed it');
  if (earlier && earlier.size > log.leaves.length)
    fault(
      `the log has ${log.leaves.length} entries, and had ${earlier.size} by the earlier checkpoint: entries were removed`,
    );
  else if (earlier && !rootOf(log.leaves, earlier.size).equals(earlier.root))
    fault(
      `the first ${earlier.size} entries are not those of the earlier checkpoint: the log was rewritten`,
    );

  const held = earlier ?? checkpoint;
  const witnesses = wanted.trusted.filter(({ kind }) => kind === 'witness');
  const cosignedBy = witnesses
    .filter((witness) => held && hasSigned(witness, held.note))
    .map(({ name }) => name);
  if (cosignedBy.length < wanted.quorum)
    fault(`${cosignedBy.length} witnesses have signed the checkpoint, not ${wanted.quorum}`);
  return { checkpoint, cosignedBy };
}

function signedBy({ origin, evidence }: Log, text: string): SaidCheckpoint | null {
  const checkpoint = parseCheckpoint(text);
  if (!checkpoint || checkpoint.origin !== origin) return null;
  const signers = evidence.keysAt(checkpoint.size);
  const isSigned = signers.some((key) =>
    hasSigned({ name: origin, kind: 'log', key }, checkpoint.note),
  );
  return isSigned ? checkpoint : null;
}

/** Where the tree is another than was signed, the copy's own hashes may tell from which entry on. */
function holdAgainst(
  { leafHashes }: LogCopy,
  { leaves }: Pick<Log, 'leaves'>,
  { size, root }: SaidCheckpoint,
  fault: (what: string, index?: number | null) => void,
): void {
  const isWhole = leaves.length >= size;
  if (isWhole && rootOf(leaves, size).equals(root)) return;
  const isProved = leafHashes.length === size && rootOf(leafHashes).equals(root);
  const first = leafHashes.findIndex((hash, at) => !leaves[at]?.equals(hash));
  if (isProved && first < leaves.length)
    fault(`entry ${first} of the log is not the one that the checkpoint has there`, first);
  if (!isWhole)
    fault(
      `the log has ${leaves.length} of the ${size} entries that its checkpoint speaks of: manifests were removed`,
    );
  else if (!isProved)
    fault('the entries are not those that the checkpoint has signed, or in another order');
}

async function verifyRecords(
  copy: LogCopy,
  judged: readonly Judged[],
  wanted: Wanted,
  faults: Fault[],
): Promise<readonly VerifiedStream[]> {
  const streams = new Map<string, VerifiedStream>();
  for (const [index, { said, signer }] of judged.entries()) {
    if (signer === null || said?.kind !== 'segment' || !isWanted(said.manifest, wanted)) continue;
    const { manifest } = said;
    const fault = (what: string) =>
      void faults.push({ index, segment: segmentName(manifest), what });
    const bytes = await copy.segment(manifest);
    const isGone = bytes === 'gone';
    if (bytes === null || (isGone && wanted.requireRecords)) fault('its records are missing');
    else if (!isGone) {
      const what = segmentFault(manifest, bytes);
      if (what !== null) fault(what);
      await wanted.onSegment?.(manifest, bytes);
    }
    const before = streams.get(manifest.stream);
    streams.set(manifest.stream, {
      stream: manifest.stream,
      segments: (before?.segments ?? 0) + 1,
      records: (before?.records ?? 0) + manifest.count,
      lsnTo: manifest.lsnTo,
      resent: (before?.resent ?? 0) + manifest.resent,
      gone: (before?.gone ?? 0) + (isGone ? 1 : 0),
      unproved: 0,
    });
  }
  return [...streams.values()];
}

/** Whether a segment is of the stream that was asked for, and reaches into the range. */
function isWanted(manifest: Manifest, { stream, from, to }: Wanted): boolean {
  if (stream !== null && stream !== manifest.stream) return false;
  const before = (place: string, lsn: string) =>
    place.includes('/') ? parseLsn(lsn) < parseLsn(place) : manifest.number < Number(place);
  const beyond = (place: string, lsn: string) =>
    place.includes('/') ? parseLsn(lsn) > parseLsn(place) : manifest.number > Number(place);
  if (from !== null && before(from, manifest.lsnTo)) return false;
  return to === null || !beyond(to, manifest.lsnFrom);
}
