import databases, { type ConnectionPool } from '@databases/pg';
import type pg from 'pg';
import { publicUrl } from '../../contracts/cannot-run.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';

/** How long a server may take to let us in, and to answer a question: a connection may end without a word. */
export const loginMs = 10_000;
export const answerMs = 15_000;

/** When the system asks a connection that says nothing whether it is still there. */
export const probeAfterMs = 10_000;

/** How long whoever goes waits for a server that may be gone. */
export const partMs = 1_000;

export interface OwnPool {
  readonly name: string; // In the server's list of its sessions.
  readonly size: number;
  /** For what may take as long as others hold their locks: whoever is gone is found out by probes alone. */
  readonly patient?: boolean;
}

/** Opens connections for what Conductor itself asks and keeps: a question without an answer fails. */
export function ownPool(url: string, { name, size, patient = false }: OwnPool): ConnectionPool {
  return databases.default({
    ...postgresLogin(url),
    applicationName: name,
    poolSize: size,
    bigIntMode: 'string',
    connectionTimeoutMilliseconds: loginMs,
    queryTimeoutMilliseconds: patient ? 0 : answerMs,
    keepAlive: true,
    keepAliveInitialDelayMilliseconds: probeAfterMs,
    onError: () => {}, // A lost idle connection shows itself at the next question.
    onQueryError: (_query, _formatted, error) => nameUnanswered(error, url, name),
  });
}

const unanswered = 'Query read timeout'; // As `pg` says it.

/** Has an error that says no more than that a question was not answered say who did not answer whom. */
export function nameUnanswered(error: unknown, url: string, name: string): void {
  if (!(error instanceof Error) || error.message !== unanswered) return;
  error.message = `${publicUrl(url)} has not answered ${name} for ${answerMs / 1_000} s`;
}

/** Parts from a server, and from one that is gone without waiting for it: what is still asked fails by itself. */
export const partFrom = (db: ConnectionPool): Promise<void> => atMost(partMs, db.dispose());

/** Says goodbye on a single connection; one that is not answered is cut off. */
export async function hangUp(client: pg.Client): Promise<void> {
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  const late = setTimeout(() => connection.stream.destroy(), partMs);
  await client.end().catch(() => {});
  clearTimeout(late);
}

/** Waits for what is to end, but no longer than that; what fails in time is thrown. */
export async function atMost(ms: number, ending: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(resolve, ms);
  ending.catch(() => {}); // If it comes too late.
  try {
    await Promise.race([ending, promise]);
  } finally {
    clearTimeout(late);
  }
}
