import type { Keyring } from '../../contracts/keys/keyring.ts';
import { openColumn } from '../../processors/seal-column.ts';
import type { OpenSealed } from '../../processors/view.ts';
import { Refusal } from '../../schemas/refusal.ts';

/** Opens a sealed column for whoever may; what cannot be opened, for nobody. */
export function opening(keyring: Pick<Keyring, 'find'>): OpenSealed {
  return (text) => {
    try {
      const value = openColumn(keyring, text);
      return value === null ? null : `${value}`;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw new TypeError('a sealed column was damaged'); // The cause could quote it.
    }
  };
}
