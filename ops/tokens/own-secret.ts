import { createHmac } from 'node:crypto';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';

/**
 * A secret of Conductor's own, kept as subjects' keys are: whatever wraps the keyring wraps it, and a rotation of that
 * leaves it as it is. Durable once it is given out.
 */
export async function ownSecret(
  keyring: Pick<Keyring, 'keyOf' | 'saved'>,
  purpose: 'token-signing' | 'cursors' | 'letters',
): Promise<Buffer> {
  const owned = keyring.keyOf({ tenant: null, domain: 'conductor', subject: purpose });
  if (owned === 'destroyed')
    throw new CannotRun({
      what: `the keyring's own secret for ${purpose} was destroyed`,
      where: 'keyring.directory',
      fix: 'restore the keyring from a backup; signing keys can be made anew in another tokens.directory',
    });
  await keyring.saved();
  return createHmac('sha256', owned.key).update(`conductor/${purpose}`).digest();
}
