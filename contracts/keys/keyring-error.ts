/** A keyring that cannot be used as it is: the root key is another keyring's, or a file is damaged. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';
}
