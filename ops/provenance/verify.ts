import { Evidence, type Judged } from '../../processors/evidence.ts';
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
  const { judged, leaves, faults } = await readLog(copy, reading, wanted.onEntry);
  const { checkpoints } = reading;
  const { leafHashes } = copy;
  const held = holdCheckpoints({ origin, evidence, leaves, leafHashes, checkpoints }, wanted);
  if (held.newest) wanted.onCheckpoint?.(held.newest);
  for (const { index, what } of held.faults) {
    const there = index === null ? undefined : judged[index];
    faults.push({ index, segment: there ? nameOf(there) : null, what });
  }
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

async function readLog(copy: LogCopy, reading: LogReading, onEntry: Wanted['onEntry']) {
  const faults: Fault[] = [];
  const judged: Judged[] = [];
  const leaves: Buffer[] = [];
  for await (const taken of reading.entries(copy.written)) {
    const { index } = taken;
    if (taken.kind === 'missing') {
      faults.push({ index, segment: null, what: taken.what });
      continue;
    }
    for (const { segment, what } of taken.faults) faults.push({ index, segment, what });
    leaves.push(leafHash(taken.entry));
    judged.push(taken.judged);
    onEntry?.(taken.entry);
  }
  return { judged, leaves, faults };
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
