import { CannotRun, NotNow, publicUrl } from '../../contracts/cannot-run.ts';

/** Explains why a PostgreSQL server could not be used, in the words of the setting that names it. */
export function postgresTrouble(cause: unknown, setting: string, url: string): CannotRun {
  const where = `${setting} = ${publicUrl(url)}`;
  const code = codeOf(cause) ?? 'unknown';
  const explain = (what: string, fix: string) => new CannotRun({ what, where, fix }, { cause });
  const notNow = (what: string, fix: string) => new NotNow({ what, where, fix }, { cause });
  switch (code) {
    case 'ECONNREFUSED':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENOTFOUND':
      return notNow(
        `PostgreSQL cannot be reached (${code})`,
        `start the server, or correct ${setting}; on the embedded stack: conductor up`,
      );
    case '28P01':
    case '28000':
      return explain('PostgreSQL refused the login', `correct the user and password in ${setting}`);
    case '3D000':
      return explain('the database does not exist', `create it, or correct the name in ${setting}`);
    case '42501':
      return explain(
        `the role lacks a privilege: ${messageOf(cause)}`,
        'as a superuser: ALTER ROLE … REPLICATION; and as an owner GRANT what the message names',
      );
    default:
      return notNow(`PostgreSQL says: ${messageOf(cause)}`, `mend it, or correct ${setting}`);
  }
}

/** The driver wraps what the server said, and a socket's error in an aggregate of one per address. */
function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : null;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
