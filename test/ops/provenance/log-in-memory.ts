import { hash } from 'node:crypto';
import type { LogCopy, Written } from '../../../ops/provenance/log-copy.ts';
import type { Wanted } from '../../../ops/provenance/verify.ts';
import { envelope } from '../../../schemas/dsse.ts';
import { signedCheckpoint } from '../../../schemas/log-checkpoint.ts';
import { leafHash, rootOf } from '../../../schemas/merkle-tree.ts';
import { type SigningKey, signingKey } from '../../../schemas/signing-key.ts';
import {
  type Manifest,
  type Said,
  statementOf,
  statementType,
} from '../../../schemas/stream-manifest.ts';

export const origin = 'log.example/claimed';
export const [ownKey, otherKey, thirdKey] = ['11', '22', '33'].map((byte) =>
  signingKey(byte.repeat(32)),
) as [SigningKey, SigningKey, SigningKey];

/** An entry as it is in the log. */
export const written = (said: Said, key = ownKey): Buffer =>
  envelope(statementType, statementOf(said), key);

/** What a key signs of these entries. */
export const checkpointOf = (entries: readonly Buffer[], key = ownKey): string =>
  signedCheckpoint({ origin, size: entries.length, root: rootOf(entries.map(leafHash)) }, key);

/** What is asked for by default: the log as a whole, by whom trusts its first key. */
export const wanted: Wanted = {
  trusted: [{ name: origin, kind: 'log', key: ownKey }],
  stream: null,
  from: null,
  to: null,
  earlier: null,
  quorum: 0,
  requireRecords: false,
};

/** Claims to places of a log, in the order in which a topic has them, then checkpoints; no records. */
export function logInMemory(
  claims: readonly (readonly [index: number, entry: Buffer])[],
  checkpoints: readonly string[],
): LogCopy {
  return {
    written: (async function* (): AsyncIterable<Written> {
      for (const [index, entry] of claims) yield { kind: 'claim', index, entry };
      for (const text of checkpoints) yield { kind: 'checkpoint', text };
    })(),
    leafHashes: [],
    segments: [],
    segment: async () => 'gone',
    unproved: async () => 0,
    async [Symbol.asyncDispose]() {},
  };
}

const placeAfter = (count: number): string =>
  `0000000${Math.min(count, 1)}/${count.toString(16).padStart(16, '0')}/00000000/00000000`;

/** The entry of a segment of one partition, that goes from one place to another. */
export function segmentEntry(
  of: { stream: string; number: number; from: number; to: number; after?: Buffer },
  key = ownKey,
): Buffer {
  const { stream, number, from, to, after } = of;
  const lsn = (count: number) => `0/${count.toString(16).toUpperCase()}`;
  const manifest: Manifest = {
    stream,
    lsn: lsn(to),
    sha256: 'ab'.repeat(32),
    count: 1,
    number,
    database: 'shop',
    topic: `gov.shop.${stream}`,
    lsnFrom: lsn(from),
    lsnTo: lsn(to),
    from: placeAfter(from),
    to: placeAfter(to),
    watermark: 1,
    offsets: { 0: [from, to] },
    resent: 0,
    prevDigest: after ? hash('sha256', after, 'hex') : null,
    policyRevisions: [],
    schemaDigests: [],
  };
  return written({ kind: 'segment', manifest }, key);
}
