import { hash } from 'node:crypto';
import { isOwnForm, openEnvelope } from '../schemas/dsse.ts';
import { parseCheckpoint, type SaidCheckpoint } from '../schemas/log-checkpoint.ts';
import { lsnText } from '../schemas/lsn.ts';
import { parsePosition } from '../schemas/position.ts';
import { hasSigned } from '../schemas/signed-note.ts';
import { publicKey, type PublicKey } from '../schemas/signing-key.ts';
import {
  type KeyNotice,
  type Manifest,
  parseStatement,
  type Said,
  statementType,
} from '../schemas/stream-manifest.ts';
import { firstPosition } from './position-order.ts';
import { after, nothingProved, type Proved } from './segment-builder.ts';

/** How far a stream is proved, and by which manifest. */
export interface Head extends Proved {
  readonly digest: string;
  readonly topic: string;
}

/** What is wrong with an entry. */
export interface EntryFault {
  readonly what: string;
  readonly segment?: number; // Where it is not the entry's own that is wrong.
}

/** An entry that was looked at: what it says, and all that is wrong with it. */
export interface Judged {
  readonly said: Said | null; // Null if it is none of ours, whatever is wrong.
  readonly digest: string;
  readonly signer: string | null;
  readonly faults: readonly EntryFault[];
}

/** What was learnt from a log's entries, as JSON. */
export interface EvidenceState {
  readonly size: number;
  readonly keys: readonly (readonly [id: string, publicKey: string])[];
  readonly revoked: readonly (readonly [id: string, size: number])[];
  readonly letters?: readonly string[]; // Logs were without them at first.
  readonly heads: readonly (readonly [
    stream: string,
    head: Omit<Head, 'offsets'> & { readonly offsets: readonly (readonly [number, number])[] },
  ])[];
}

/**
 * What the entries of a log say, one after the other: which keys may sign, and how far each stream is
 * proved. Trusts the keys that it is given, and those that they announce; given none, whoever signed the
 * first entry.
 */
export class Evidence {
  readonly heads = new Map<string, Head>();
  readonly letters = new Set<string>(); // The jobs of which it is said what they did with dead letters.
  readonly #keys = new Map<string, PublicKey>();
  readonly #revoked = new Map<string, number>(); // By id: of how many entries before it they count.
  readonly #trustsFirst: boolean;
  #size = 0;

  constructor(trusted: readonly PublicKey[] | 'first') {
    this.#trustsFirst = trusted === 'first';
    if (trusted !== 'first') for (const key of trusted) this.#keys.set(key.id, key);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether what this key signs now counts. */
  trusts(id: string): boolean {
    return this.#keys.has(id) && !this.#revoked.has(id);
  }

  /** Whether this key was given up, and for good: no announcement brings it back. */
  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }

  /** Keys whose signature counts on a checkpoint of so many entries. */
  keysAt(size: number): readonly PublicKey[] {
    return [...this.#keys.values()].filter(({ id }) => (this.#revoked.get(id) ?? size) >= size);
  }

  /** The checkpoint of the log of this name, if a key has signed it that counts at its size; null if none has. */
  readCheckpoint(origin: string, text: string): SaidCheckpoint | null {
    const checkpoint = parseCheckpoint(text);
    if (checkpoint?.origin !== origin) return null;
    const isSigned = this.keysAt(checkpoint.size).some((key) =>
      hasSigned({ name: origin, kind: 'log', key }, checkpoint.note),
    );
    return isSigned ? checkpoint : null;
  }

  /** Looks at the entry that would come next. Nothing of it counts until it is accepted. */
  judge(entry: Buffer): Judged {
    const digest = hash('sha256', entry, 'hex');
    const opened = openEnvelope(entry, statementType, this.#trustedBy(entry));
    if ('fault' in opened) {
      const said = unproven(entry);
      return { said, digest, signer: null, faults: [{ what: opened.fault }] };
    }
    const { body, signer } = opened;
    const said = parseStatement(body);
    if (!said)
      return {
        said,
        digest,
        signer: signer.id,
        faults: [{ what: 'it says nothing that is known' }],
      };
    const form = isOwnForm(entry) ? [] : [{ what: 'its envelope is in another form than ours' }];
    const revoked = this.#revoked.has(signer.id)
      ? [{ what: `the key that signed it, ${signer.id.slice(0, 16)}, was revoked before` }]
      : [];
    const faults = this.#faultsOf(said);
    return { said, digest, signer: signer.id, faults: [...form, ...revoked, ...faults] };
  }

  /**
   * Goes on from an entry, whatever is wrong with it: what follows is held against it. But of whom to
   * trust nobody says anything with an entry that has a fault.
   */
  accept({ said, digest, signer, faults }: Judged): void {
    const before = this.#size++;
    if (said?.kind === 'segment') {
      const { manifest } = said;
      const { stream, topic } = manifest;
      const offsets = new Map(
        Object.entries(manifest.offsets).map(([lane, bounds]) => [Number(lane), bounds] as const),
      );
      const proved = this.heads.get(stream) ?? nothingProved(new Map());
      this.heads.set(stream, { ...after(proved, { ...manifest, offsets }), digest, topic });
    } else if (said?.kind === 'key' && signer !== null && faults.length === 0) {
      const { action, keyId, publicKey: bytes } = said.notice;
      if (action === 'revoke') this.#revoked.set(keyId, this.#revoked.get(keyId) ?? before);
      else this.#keys.set(keyId, publicKey(Buffer.from(bytes, 'base64')));
    } else if (said?.kind === 'letters' && faults.length === 0) this.letters.add(said.notice.job);
  }

  state(): EvidenceState {
    return {
      size: this.#size,
      keys: [...this.#keys].map(([id, { bytes }]) => [id, bytes.toString('base64')]),
      revoked: [...this.#revoked],
      letters: [...this.letters],
      heads: [...this.heads].map(([stream, head]) => [
        stream,
        { ...head, offsets: [...head.offsets] },
      ]),
    };
  }

  /** Goes on from what was learnt before. */
  static from({ size, keys, revoked, letters = [], heads }: EvidenceState): Evidence {
    const evidence = new Evidence(keys.map(([, bytes]) => publicKey(Buffer.from(bytes, 'base64'))));
    evidence.#size = size;
    for (const [id, at] of revoked) evidence.#revoked.set(id, at);
    for (const job of letters) evidence.letters.add(job);
    for (const [stream, head] of heads)
      evidence.heads.set(stream, { ...head, offsets: new Map(head.offsets) });
    return evidence;
  }

  /** The first entry announces the key that signs it. */
  #trustedBy(entry: Buffer): ReadonlyMap<string, PublicKey> {
    if (!this.#trustsFirst || this.#size > 0) return this.#keys;
    const said = unproven(entry);
    if (said?.kind !== 'key' || keyFaults(said.notice).length > 0) return this.#keys;
    const key = publicKey(Buffer.from(said.notice.publicKey, 'base64'));
    return new Map([[key.id, key]]);
  }

  #faultsOf(said: Said): readonly EntryFault[] {
    if (said.kind === 'segment') return this.#misfits(said.manifest);
    return said.kind === 'key' ? keyFaults(said.notice) : [];
  }

  /** In what a manifest does not go on where the one before it ended. */
  #misfits(manifest: Manifest): readonly EntryFault[] {
    const { stream, number, prevDigest, from, to, topic, watermark } = manifest;
    const before = this.heads.get(stream);
    const expected = before?.number ?? 0;
    if (number > expected) return [{ segment: expected, what: missing(expected, number) }];
    if (number < expected)
      return [{ what: 'its manifest was there before: it was put in again, or out of order' }];
    const faults: string[] = [];
    if (prevDigest !== (before?.digest ?? null))
      faults.push('it names another manifest before it than the one that is there');
    if (from !== (before?.position ?? firstPosition) || to < from)
      faults.push('its positions do not begin where the segment before ended');
    if (watermark < (before?.watermark ?? 0)) faults.push("the log's own time goes back");
    if (before && topic !== before.topic) faults.push('it speaks of another topic than before');
    if (!isBounded(manifest)) faults.push('its LSNs are not those of its positions');
    return [...faults, ...gaps(manifest, before?.offsets ?? null)].map((what) => ({ what }));
  }
}

const missing = (first: number, next: number): string =>
  next === first + 1
    ? `the manifest of segment ${first} is missing`
    : `the manifests of segments ${first} to ${next - 1} are missing`;

const isBounded = ({ lsn, lsnFrom, lsnTo, from, to }: Manifest): boolean =>
  lsn === lsnTo && lsnTo === lsnOf(to) && lsnFrom === lsnOf(from);

/** The LSN of a position's text. */
export const lsnOf = (place: string): string => lsnText(parsePosition(place).lsn);

/** The first manifest says where each partition begins; a partition that is new later begins at 0. */
function gaps({ offsets, count }: Manifest, expected: Head['offsets'] | null): string[] {
  const faults: string[] = [];
  let room = 0;
  for (const [lane, [from, to]] of Object.entries(offsets)) {
    const next = expected ? (expected.get(Number(lane)) ?? 0) : from;
    if (from > next)
      faults.push(`partition ${lane}: offsets ${next} to ${from - 1} are in no segment: a gap`);
    if (from < next || to < from)
      faults.push(`partition ${lane}: offsets from ${from} on are in a segment before, too`);
    room += to - from;
  }
  if (count > room) faults.push('it counts more records than its offsets have room for');
  return faults;
}

function keyFaults({ keyId, publicKey: bytes }: KeyNotice): readonly EntryFault[] {
  const decoded = Buffer.from(bytes, 'base64');
  return decoded.length === 32 && publicKey(decoded).id === keyId
    ? []
    : [{ what: 'the key that it speaks of has another id' }];
}

/** What an envelope would say if it were signed: only to name it. */
function unproven(entry: Buffer): Said | null {
  try {
    const { payload } = JSON.parse(entry.toString()) as { readonly payload?: unknown };
    return typeof payload === 'string' ? parseStatement(Buffer.from(payload, 'base64')) : null;
  } catch {
    return null;
  }
}
