import { hash } from 'node:crypto';
import type { OwnedKey } from '../contracts/keys/keyring.ts';
import { partsOf, seal, sealInParts } from '../schemas/sealed-box.ts';

/** The keys of all whom a letter tells of: it has one at least. */
export type LetterKeys = readonly [OwnedKey, ...OwnedKey[]];

/** A letter sealed under every key of whom it tells: one box within the other, the first key's outermost, piece by piece. */
export function letterBoxes(
  [outer, ...inner]: LetterKeys,
  change: string,
  payload: Buffer,
  partBytes: number,
): { readonly parts: number; readonly sealed: Iterable<Buffer> } {
  const text = inner.reduce(
    (within, owned) => seal(owned, occasionOf(change, within), within),
    payload,
  );
  return {
    parts: partsOf(text, partBytes),
    sealed: sealInParts(outer, occasionOf(change, text), text, partBytes),
  };
}

/** A change may be refused twice in different forms, or lie in boxes of different owners: no nonce may serve two texts. */
const occasionOf = (change: string, text: Buffer) => ({
  change,
  revision: `letter/${hash('sha256', text, 'hex')}`,
});
