import type { KeyObject } from 'node:crypto';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Change } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import { boxesOf, BoxOpener, isPair, keyRefOf, open } from '../schemas/sealed-box.ts';
import { decodeSecret, type Secret } from '../schemas/secret.ts';

/** Opens what a change has sealed; null withholds the change, because its subject was erased. */
export type Opener = (change: Pick<Change, 'table' | 'op' | 'sealed'>) => Secret | null;

const nothing: Secret = { before: null, after: null };

/**
 * `erased` is told of each change that is withheld. A delete passes: it tells nothing of its subject but
 * that it is gone. A row that left an erased subject passes without what it was.
 */
export function unsealing(keyring: Pick<Keyring, 'find'>, erased: () => void): Opener {
  const secretOf = secrets(keyring);
  return ({ table, op, sealed }) => {
    if (!sealed) return nothing;
    if (!isPair(sealed)) {
      const secret = secretOf(table, sealed);
      if (secret || op === 'delete') return secret ?? nothing;
      erased();
      return null;
    }
    const [left, came] = boxesOf(sealed);
    if (!left || !came) throw damaged(table);
    const after = secretOf(table, came);
    if (after) return { before: secretOf(table, left)?.before ?? null, after: after.after };
    erased();
    return null;
  };
}

/** Tells what a box holds; null if its key was destroyed. */
function secrets(keyring: Pick<Keyring, 'find'>) {
  const opened = openers();
  return (table: string, box: Uint8Array): Secret | null => {
    const ref = keyRefOf(box);
    const found = ref && keyring.find(ref);
    if (found?.state === 'destroyed') return null;
    if (!ref || found?.state !== 'here')
      throw new Refusal(
        'unsealable',
        `table ${table}: the keyring has no key for a sealed row; restore its files from one backup, and replay`,
      );
    try {
      return decodeSecret(opened(ref, found.key, box).toString());
    } catch {
      throw damaged(table); // The cause could quote it.
    }
  };
}

const damaged = (table: string) =>
  new Refusal('unsealable', `table ${table}: a sealed row was damaged`);

const mostKept = 4_096; // Some 2 kB each.

/** Opens boxes; for who comes a second time, it is set up once and for all that follow. */
function openers() {
  const kept = new Map<KeyObject, BoxOpener | null>();
  return (ref: Buffer, key: KeyObject, box: Uint8Array): Buffer => {
    let opener = kept.get(key);
    if (opener === undefined) {
      if (kept.size >= mostKept) kept.clear();
      kept.set(key, null);
      return open(key, box);
    }
    if (!opener) kept.set(key, (opener = new BoxOpener({ ref, key })));
    return opener.open(box instanceof Buffer ? box : Buffer.from(box));
  };
}
