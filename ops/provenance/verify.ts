import { Evidence } from '../../processors/evidence.ts';
import { segmentFault } from '../../processors/segment-fault.ts';
import type { SaidCheckpoint } from '../../schemas/log-checkpoint.ts';
import { leafHash, type Tree } from '../../schemas/merkle-tree.ts';
import type { Verifier } from '../../schemas/signed-note.ts';
import { type Manifest, segmentName } from '../../schemas/stream-manifest.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { holdCheckpoints } from './hold-checkpoints.ts';
import type { LogCopy } from './log-copy.ts';
import { LogReading } from './log-reading.ts';

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

/** What a checkpoint says. */
export interface SaidTree {
  readonly size: number;
  readonly root: string; // In hex.
}

/** What came of it. The first fault is the first bad segment. */
export interface Verified {
  readonly verified: boolean;
  readonly origin: string;
  readonly entries: number;
  readonly checkpoint: SaidTree | null; // The newest that is signed.
  readonly cosigned: SaidTree | null; // That which the witnesses must have signed: the one that was kept, or the newest.
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
  readonly onCheckpoint?: (newest: SaidCheckpoint) => void;
}

/** Holds a log, and the records that it speaks of, against each other and against keys that are trusted. */
export async function verify(copy: LogCopy, wanted: Wanted): Promise<Verified> {
  const logKeys = wanted.trusted.filter(({ kind }) => kind === 'log');
  const origin = logKeys[0]?.name ?? '';
  const evidence = new Evidence(logKeys.map(({ key }) => key));
  const reading = new LogReading(origin, evidence);
  const read = await readLog(copy, reading, wanted);
  const { leaves, names } = read;
  const { checkpoints } = reading;
  const { leafHashes } = copy;
  const held = holdCheckpoints({ origin, evidence, leaves, leafHashes, checkpoints }, wanted);
  if (held.newest) wanted.onCheckpoint?.(held.newest);
  const streams = await Promise.all(
    read.streams.map(async (stream) => {
      const head = evidence.heads.get(stream.stream);
      const unproved = head && wanted.to === null ? await copy.unproved(head) : 0;
      return { ...stream, unproved };
    }),
  );
  const nameAt = (place: number | null) => (place === null ? null : (names[place] ?? null));
  const faults = [
    ...held.faults.map(({ index, named, what }) => ({ index, segment: nameAt(named), what })),
    ...read.faults,
    ...withoutManifest(copy, names),
  ];
  const sorted = faults.toSorted((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity));
  return {
    verified: sorted.length === 0,
    origin,
    entries: leaves.length,
    checkpoint: held.newest && said(held.newest),
    cosigned: held.cosigned && said(held.cosigned),
    cosignedBy: held.cosignedBy,
    streams,
    faults: sorted,
  };
}

const said = ({ size, root }: Tree): SaidTree => ({ size, root: root.toString('hex') });

/** Of an entry its hash and its name are held; its records are looked at when it is read. */
async function readLog(copy: LogCopy, reading: LogReading, wanted: Wanted) {
  const faults: Fault[] = [];
  const names: (string | null)[] = [];
  const leaves: Buffer[] = [];
  const streams = new Map<string, VerifiedStream>();
  for await (const taken of reading.entries(copy.written)) {
    const { index } = taken;
    if (taken.kind === 'missing') {
      faults.push({ index, segment: null, what: taken.what });
      continue;
    }
    for (const { segment, what } of taken.faults) faults.push({ index, segment, what });
    leaves.push(leafHash(taken.entry));
    wanted.onEntry?.(taken.entry);
    const { said, signer } = taken.judged;
    const manifest = said?.kind === 'segment' ? said.manifest : null;
    names.push(manifest && segmentName(manifest));
    if (signer === null || !manifest || !isWanted(manifest, wanted)) continue;
    const { isGone, what } = await verifyRecords(copy, manifest, wanted);
    if (what !== null) faults.push({ index, segment: segmentName(manifest), what });
    streams.set(manifest.stream, withSegment(streams.get(manifest.stream), manifest, isGone));
  }
  return { leaves, names, faults, streams: [...streams.values()] };
}

/** Records that were proved once, by a manifest that is not there any more. */
function withoutManifest(
  { segments }: LogCopy,
  names: readonly (string | null)[],
): readonly Fault[] {
  const known = new Set(names);
  const what = 'its records are here, and no manifest speaks of them: a manifest was removed';
  return segments
    .filter((segment) => !known.has(segment))
    .map((segment) => ({ index: null, segment, what }));
}

interface Records {
  readonly isGone: boolean;
  readonly what: string | null; // That is wrong with them.
}

async function verifyRecords(copy: LogCopy, manifest: Manifest, wanted: Wanted): Promise<Records> {
  const bytes = await copy.segment(manifest);
  const missing = 'its records are missing';
  if (bytes === 'gone') return { isGone: true, what: wanted.requireRecords ? missing : null };
  if (bytes === null) return { isGone: false, what: missing };
  const what = segmentFault(manifest, bytes);
  await wanted.onSegment?.(manifest, bytes);
  return { isGone: false, what };
}

const withSegment = (
  before: VerifiedStream | undefined,
  { stream, count, lsnTo, resent }: Manifest,
  isGone: boolean,
): VerifiedStream => ({
  stream,
  segments: (before?.segments ?? 0) + 1,
  records: (before?.records ?? 0) + count,
  lsnTo,
  resent: (before?.resent ?? 0) + resent,
  gone: (before?.gone ?? 0) + (isGone ? 1 : 0),
  unproved: 0,
});

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
