import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Refused } from './errors.ts';

/** Who may use the server. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Checks the credentials of a request wherever ClickHouse looks for them; throws if they are wrong. */
export function authenticate(
  headers: IncomingHttpHeaders,
  url: URLSearchParams,
  account: Account,
): void {
  const given = fromHeaders(headers) ?? fromBasic(headers) ?? fromUrl(url);
  if (same(given.user, account.user) && same(given.password, account.password)) return;
  throw new Refused(
    'AUTHENTICATION_FAILED',
    `${given.user}: Authentication failed: password is incorrect, or there is no user with such name`,
  );
}

function fromHeaders(headers: IncomingHttpHeaders): Account | null {
  const user = headers['x-clickhouse-user']?.toString();
  const password = headers['x-clickhouse-key']?.toString();
  if (user === undefined && password === undefined) return null;
  return { user: user ?? 'default', password: password ?? '' };
}

function fromBasic({ authorization }: IncomingHttpHeaders): Account | null {
  const encoded = /^Basic\s+(\S+)/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return null;
  const [user = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  return { user, password: rest.join(':') };
}

function fromUrl(url: URLSearchParams): Account {
  return { user: url.get('user') ?? 'default', password: url.get('password') ?? '' };
}

/** Digests first, so that neither content nor length shows in the time it takes. */
function same(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
