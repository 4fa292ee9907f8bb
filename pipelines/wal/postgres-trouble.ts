import { CannotRun, NotNow, publicUrl } from '../../contracts/cannot-run.ts';
import { wordsOf } from '../../contracts/error-words.ts';

/** Explains why a PostgreSQL server could not be used, in the words of the setting that names it. */
export function postgresTrouble(cause: unknown, setting: string, url: string): CannotRun {
  if (cause instanceof CannotRun) return cause; // It was explained before.
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
      return explain('PostgreSQL refused the login', `correct the user and password in ${setting}`);
    case '28000': // Said of a rule of pg_hba.conf, too.
      return explain(
        `PostgreSQL refused the login: ${wordsOf(cause)}`,
        `correct the user and password in ${setting}; where it speaks of no encryption, add ?sslmode=verify-full (and &sslrootcert=…) to it; where it speaks of a client certificate, &sslcert=… and &sslkey=…; otherwise add a line to the server's pg_hba.conf`,
      );
    case '53300':
      return notNow(
        `the server has no connection left: ${wordsOf(cause)}`,
        'end one that is not needed, or raise max_connections or max_wal_senders as the message says',
      );
    case '53400':
      return notNow(
        `the server has no replication slot left: ${wordsOf(cause)}`,
        'drop a slot that nothing uses, or raise max_replication_slots',
      );
    case '3D000':
      return explain('the database does not exist', `create it, or correct the name in ${setting}`);
    case '42501':
      return explain(
        `the role lacks a privilege: ${wordsOf(cause)}`,
        'as a superuser: ALTER ROLE … REPLICATION; and as an owner GRANT what the message names',
      );
    default:
      if (isOfTls(code, cause))
        return explain(
          `PostgreSQL cannot be trusted over TLS: ${wordsOf(cause)} (${code})`,
          `give the authority that signed its certificate with &sslrootcert=/path in ${setting}, and the host by the name that the certificate has; ?sslmode=disable goes without TLS`,
        );
      return notNow(`PostgreSQL says: ${wordsOf(cause)}`, `mend it, or correct ${setting}`);
  }
}

/** What Node calls a certificate that it does not trust, and `pg` a server that speaks no TLS. */
const isOfTls = (code: string, cause: unknown): boolean =>
  /CERT|^ERR_TLS|^ERR_SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code) ||
  /does not support SSL/.test(wordsOf(cause));

/** The driver wraps what the server said, and a socket's error in an aggregate of one per address. */
function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : null;
}
