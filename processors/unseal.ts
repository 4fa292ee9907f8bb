import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Change } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import { keyRefOf, open } from '../schemas/sealed-box.ts';
import { decodeSecret, type Secret } from '../schemas/secret.ts';

/** Opens what a change has sealed; null withholds the change, because its subject was erased. */
export type Opener = (change: Change) => Secret | null;

const nothing: Secret = { before: null, after: null };

/** `erased` is told of each change that is withheld. A delete passes: it tells nothing of its subject but that it is gone. */
export function unsealing(keyring: Pick<Keyring, 'find'>, erased: () => void): Opener {
  return ({ table, op, sealed }) => {
    if (!sealed) return nothing;
    const ref = keyRefOf(sealed);
    const found = ref && keyring.find(ref);
    if (found?.state === 'destroyed') {
      if (op === 'delete') return nothing;
      erased();
      return null;
    }
    if (found?.state !== 'here')
      throw new Refusal('unsealable', `table ${table}: the keyring has no key for a sealed row`);
    try {
      return decodeSecret(open(found.key, sealed).toString());
    } catch {
      throw new Refusal('unsealable', `table ${table}: a sealed row was damaged`); // The cause could quote it.
    }
  };
}
