import type { KeyObject } from 'node:crypto';
import type { ColumnContract, TableContract } from '../contracts/contract.ts';
import { derived } from '../contracts/keys/key-wrapping.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { TokenForm } from '../contracts/token-form.ts';
import { ShortHmac } from '../schemas/sha256.ts';
import type { Value } from '../schemas/value.ts';
import { type FormedToken, formedToken } from './formed-token.ts';

/** Where tokens meet, and how they look if not as tokens do. */
export interface TokenDomain {
  readonly name: string; // A table and its column: `public.users.id`.
  readonly form: TokenForm | null;
}

/** Makes a token of a value: equal values of one tenant and domain give equal tokens, and no others do. */
export type MakeToken = (tenant: string, value: Exclude<Value, null>) => string;

/** Finds how the tokens of a domain are made: asked once per column, and no row pays for it. */
export type Tokeniser = (domain: TokenDomain) => MakeToken;

export function tokeniser(keyring: Pick<Keyring, 'tokenKey'>): Tokeniser {
  const macs = new WeakMap<KeyObject, ShortHmac>();
  return ({ name, form }) => {
    const front = Buffer.from(`${name}\0`);
    const plain: MakeToken = (tenant, value) => {
      const key = keyring.tokenKey(tenant);
      let mac = macs.get(key);
      if (!mac) macs.set(key, (mac = new ShortHmac(key.export())));
      return tokenOf(mac.of(front, `${value}`));
    };
    if (form === null) return plain;
    const formed = formedFor(keyring, form, name);
    return (tenant, value) => formed(tenant)(`${value}`) ?? plain(tenant, value);
  };
}

const mostKept = 4_096; // Tenants' ciphers, some kB each.

/** The tenant's way to tokens of a form. Its key is another than that of the tokens that nobody can undo. */
function formedFor(
  keyring: Pick<Keyring, 'tokenKey'>,
  form: TokenForm,
  domain: string,
): (tenant: string) => FormedToken {
  const made = new Map<KeyObject, FormedToken>();
  return (tenant) => {
    const key = keyring.tokenKey(tenant);
    const known = made.get(key);
    if (known) return known;
    if (made.size >= mostKept) made.clear();
    const formed = formedToken(form, derived(key.export(), 'token-form/ff1'), domain);
    made.set(key, formed);
    return formed;
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
  { name, references, tokenForm }: Pick<ColumnContract, 'name' | 'references' | 'tokenForm'>,
): TokenDomain {
  const { table: place, column } = references ?? { table, column: name };
  return { name: `${place}.${column}`, form: tokenForm ?? null };
}
