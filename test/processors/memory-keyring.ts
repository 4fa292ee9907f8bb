import { createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Keyring, Owner } from '../../contracts/keys/keyring.ts';

/** A keyring without a file, whose keys follow from their owners, and that can forget them. */
export class MemoryKeyring implements Keyring {
  readonly owners: Owner[] = [];
  readonly #refs = new Set<string>();
  readonly #destroyed = new Set<string>();
  saves = 0;

  keyOf(owner: Owner) {
    this.owners.push(owner);
    const ref = refOf(owner);
    this.#refs.add(ref.toString('hex'));
    if (this.#destroyed.has(ref.toString('hex'))) return 'destroyed' as const;
    return { ref, key: keyOfRef(ref) };
  }

  find(ref: Buffer) {
    if (this.#destroyed.has(ref.toString('hex'))) return { state: 'destroyed' as const };
    if (!this.#refs.has(ref.toString('hex'))) return { state: 'unknown' as const };
    return { state: 'here' as const, key: keyOfRef(ref) };
  }

  destroy(owner: Owner): void {
    this.#destroyed.add(refOf(owner).toString('hex'));
  }

  async saved(): Promise<void> {
    this.saves++;
  }

  tokenKey(tenant: string): KeyObject {
    return createSecretKey(hash('sha256', `token/${tenant}`, 'buffer'));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const refOf = ({ tenant, domain, subject }: Owner) =>
  hash('sha256', JSON.stringify([tenant, domain, subject]), 'buffer').subarray(0, 16);

const keyOfRef = (ref: Buffer) => createSecretKey(hash('sha256', ref, 'buffer'));
