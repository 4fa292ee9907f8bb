import { createHmac } from 'node:crypto';
import type { ColumnContract, TableContract } from '../contracts/contract.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Value } from '../schemas/value.ts';

/** Makes a token of a value: equal values of one tenant and domain give equal tokens, and no others do. */
export type Tokeniser = (tenant: string, domain: string, value: Exclude<Value, null>) => string;

export function tokeniser(keyring: Pick<Keyring, 'tokenKey'>): Tokeniser {
  return (tenant, domain, value) =>
    createHmac('sha256', keyring.tokenKey(tenant))
      .update(`${domain}\0${value}`)
      .digest('base64url')
      .slice(0, 22); // 128 bits and a little.
}

/** A foreign key's tokens use the domain of the key it references, so that joins still meet. */
export function tokenDomain(
  { table }: TableContract,
  { name, references }: ColumnContract,
): string {
  return references ? `${references.table}.${references.column}` : `${table}.${name}`;
}
