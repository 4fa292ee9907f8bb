import { NotNow } from '../contracts/cannot-run.ts';
import { wordsOf } from '../contracts/error-words.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';

/** Where the mirror is: a connection string, or its parts. */
export type MirrorServer =
  | { readonly connectionString: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
    };

/** So long a worker may say nothing in a transaction: one that was stopped, or is gone without a word, lets go of its lanes then. */
export const longestIdleMs = 30_000;

/** Its parts. */
export function serverOf(options: MirrorServer) {
  if ('connectionString' in options) return postgresLogin(options.connectionString);
  const { host, port, user, password, database } = options;
  return { host, port, user, password, database };
}

/** Why a mirror cannot be opened, and the fix. */
export function unopened(options: MirrorServer, cause: unknown): Error {
  const { host, port, user, database } =
    'connectionString' in options ? partsOf(options.connectionString) : options;
  const code = codeOf(cause);
  const said = wordsOf(cause) || code;
  const fix = fixes.find(([pattern]) => pattern.test(code))?.[1];
  const what = `cannot open the Postgres mirror ${database} at ${host}:${port} as ${user}: ${said.trim().split('\n')[0]}`;
  const mend =
    fix?.({ user, database }) ?? 'mend what it says, or correct the settings of this sink';
  return new NotNow({ what, where: 'sinks.postgres', fix: mend }, { cause });
}

const fixes: readonly (readonly [
  RegExp,
  (at: { readonly user: string; readonly database: string }) => string,
])[] = [
  [/^28/, () => 'correct the user and password, or allow the user in pg_hba.conf'],
  [/^3D000$/, ({ database, user }) => `CREATE DATABASE "${database}" OWNER "${user}";`],
  [
    /^42501$/,
    ({ database, user }) =>
      `GRANT CREATE ON DATABASE "${database}" TO "${user}"; GRANT USAGE, CREATE ON SCHEMA public TO "${user}"; and let it own the mirror's tables`,
  ],
  [/^53300$/, () => 'raise max_connections, or stop clients that are not needed'],
  [/^(E[A-Z]+|57P03)$/, () => 'start the server, or correct the host and port'],
];

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';

function partsOf(connectionString: string) {
  const url = URL.parse(connectionString);
  return {
    host: url?.hostname || 'localhost',
    port: url?.port || 5432,
    user: decodeURIComponent(url?.username ?? ''),
    database: url?.pathname.slice(1) ?? '',
  };
}
