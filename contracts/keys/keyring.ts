import type { KeyObject } from 'node:crypto';

/** Whose key it is: a person of a tenant, or the tenant itself where a row has no subject. */
export interface Owner {
  readonly tenant: string | null;
  readonly domain: string; // The table and column that name the subject: `public.customers.id`.
  readonly subject: string | null;
}

export interface OwnedKey {
  readonly ref: Buffer; // 16 bytes that name the key and tell nothing of its owner.
  readonly key: KeyObject; // A handle: the cipher would make one of raw bytes for every row.
}

/** What became of a key that a box names. */
export type Found =
  | { readonly state: 'here'; readonly key: KeyObject }
  | { readonly state: 'destroyed' }
  | { readonly state: 'unknown' };

/** Keeps one key per subject. To destroy a subject's key is to erase the subject everywhere. */
export interface Keyring extends AsyncDisposable {
  /** The owner's key, made if there is none. It may be used at once, and sent anywhere only after `saved`. */
  keyOf(owner: Owner): OwnedKey | 'destroyed';

  /** The key that a box names. */
  find(ref: Buffer): Found;

  /** Resolves once every key given out so far is durable. */
  saved(): Promise<void>;

  /** The key of a tenant's tokens: the same for ever, so that tokens of equal values stay equal. */
  tokenKey(tenant: string): KeyObject;
}
