import type { LogCopy } from '../../../ops/provenance/log-copy.ts';
import type { Wanted } from '../../../ops/provenance/verify.ts';
import { envelope } from '../../../schemas/dsse.ts';
import { signedCheckpoint } from '../../../schemas/log-checkpoint.ts';
import { leafHash, rootOf } from '../../../schemas/merkle-tree.ts';
import { type SigningKey, signingKey } from '../../../schemas/signing-key.ts';
import { type Said, statementOf, statementType } from '../../../schemas/stream-manifest.ts';

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

/** Claims to places of a log and its checkpoints, in the order in which a topic has them; no records. */
export function logInMemory(
  claims: readonly (readonly [index: number, entry: Buffer])[],
  checkpoints: readonly string[],
): LogCopy {
  const entries: Buffer[][] = [];
  for (const [index, entry] of claims) (entries[index] ??= []).push(entry);
  return {
    entries,
    checkpoints,
    leafHashes: [],
    segments: [],
    segment: async () => 'gone',
    unproved: async () => 0,
    async [Symbol.asyncDispose]() {},
  };
}
