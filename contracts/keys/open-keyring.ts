import type { Config } from '../config.ts';
import { fileKeyring } from './file-keyring.ts';
import { fileRootKey } from './file-root-key.ts';
import type { Keyring } from './keyring.ts';
import { KeyringAdmin } from './keyring-admin.ts';
import { movingRootKey } from './moving-root-key.ts';
import type { RootKey } from './root-key.ts';
import { vaultRootKey } from './vault-root-key.ts';

type Settings = Config['keyring'];

/** Opens the keyring of a configuration; makes it where there is none. */
export const openKeyring = (settings: Settings): Promise<Keyring> =>
  fileKeyring(settings.directory, rootKeyOf(settings, null), settings.rootKey);

/** Opens the keyring of a configuration to change what stands in it. `next` is a root key to be rotated to. */
export const administerKeyring = (
  settings: Settings,
  next: string | null = null,
): Promise<KeyringAdmin> =>
  KeyringAdmin.open(settings.directory, rootKeyOf(settings, next), settings.rootKey);

function rootKeyOf({ rootKey, kms }: Settings, next: string | null): RootKey {
  const file = rootKey === undefined ? null : fileRootKey(rootKey, next);
  const vault = kms ? vaultRootKey(kms.vault) : null;
  if (file && vault) return movingRootKey(file, vault);
  const root = vault ?? file;
  if (!root) throw new TypeError('a configuration without a root key passed its check');
  return root;
}
