import type { KeyObject } from 'node:crypto';
import type { ColumnContract, TableContract } from '../contracts/contract.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import { ShortHmac } from '../schemas/sha256.ts';
import type { Value } from '../schemas/value.ts';

/** Makes a token of a value: equal values of one tenant and domain give equal tokens, and no others do. */
export type Tokeniser = (tenant: string, domain: string, value: Exclude<Value, null>) => string;

export function tokeniser(keyring: Pick<Keyring, 'tokenKey'>): Tokeniser {
  const macs = new WeakMap<KeyObject, ShortHmac>();
  const fronts = new Map<string, Buffer>();
  return (tenant, domain, value) => {
    const key = keyring.tokenKey(tenant);
    let mac = macs.get(key);
    if (!mac) macs.set(key, (mac = new ShortHmac(key.export())));
    let front = fronts.get(domain);
    if (!front) fronts.set(domain, (front = Buffer.from(`${domain}\0`)));
    return tokenOf(mac.of(front, `${value}`));
  };
}

const letters = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const tokenLetters = 22; // 128 bits and a little.
const token = Buffer.alloc(24);

/** The first bits of a MAC in the letters of base64url. */
function tokenOf(mac: Int32Array): string {
  for (let at = 0, bit = 0; at < tokenLetters; at++, bit += 6) {
    const word = mac[bit >>> 5] ?? 0;
    const next = mac[(bit >>> 5) + 1] ?? 0;
    const place = bit & 31;
    const six =
      place <= 26 ? word >>> (26 - place) : (word << (place - 26)) | (next >>> (58 - place));
    token[at] = letters[six & 63] ?? 0;
  }
  return token.toString('latin1', 0, tokenLetters);
}

/** Whether a text has the form of a token. */
export const isToken = (text: string): boolean => /^[\w-]{22}$/.test(text);

/** A foreign key's tokens use the domain of the key it references, so that joins still meet. */
export function tokenDomain(
  { table }: Pick<TableContract, 'table'>,
  { name, references }: Pick<ColumnContract, 'name' | 'references'>,
): string {
  return references ? `${references.table}.${references.column}` : `${table}.${name}`;
}
