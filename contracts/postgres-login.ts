import { readFileSync } from 'node:fs';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  rootCertificates,
} from 'node:tls';
import { CannotRun, publicUrl } from './cannot-run.ts';

/** How to connect to PostgreSQL: what `pg` and `@databases/pg` both take, and both take alike. */
export interface PostgresLogin {
  readonly connectionString: string;
  readonly ssl: false | ConnectionOptions;
}

const ours = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const;

/**
 * Reads a connection URL as libpq does. The two clients would read its `sslmode` differently: one does
 * not verify where it is told to, the other verifies where it is told not to.
 */
export function postgresLogin(url: string): PostgresLogin {
  const parsed = new URL(url);
  const [mode, root, cert, key] = ours.map((name) => parsed.searchParams.get(name));
  for (const name of ours) parsed.searchParams.delete(name);
  const connectionString = parsed.href;
  if (!mode && (root || cert || key))
    throw new CannotRun({
      what: 'certificates are given, but no sslmode: nothing would be encrypted',
      where: publicUrl(url),
      fix: 'add sslmode=verify-full to the URL',
    });
  if (!mode || mode === 'disable') return { connectionString, ssl: false };

  const file = (name: string, path: string) => fileOf(name, path, url);
  const own = ownCertificate(cert, key, url);
  const trusted = root && root !== 'system';
  const verified = mode.startsWith('verify') || (mode === 'require' && trusted);
  if (!verified) return { connectionString, ssl: { ...own, rejectUnauthorized: false } };
  const host = parsed.searchParams.get('host') ?? parsed.hostname.replace(/^\[(.+)\]$/, '$1');
  return {
    connectionString,
    ssl: {
      ...own,
      ca: trusted ? file('sslrootcert', root) : [...rootCertificates],
      rejectUnauthorized: true,
      // Named here, because a client that connects to an IP address would check for "localhost".
      checkServerIdentity: (_, certificate) =>
        mode === 'verify-full' ? checkServerIdentity(host, certificate) : undefined,
    },
  };
}

function fileOf(name: string, path: string, url: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const isThere = !(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT');
    throw new CannotRun(
      {
        what: `the file of ${name} ${isThere ? 'cannot be read' : 'is not there'}: ${path}`,
        where: publicUrl(url),
        fix: isThere
          ? `let the user that runs Conductor read it, and nobody else where it is a key`
          : `put it there, or correct ${name} in the URL; an absolute path is safest`,
      },
      { cause },
    );
  }
}

/** What we log in with, if it is a certificate: it and its key, or neither. */
function ownCertificate(
  certFile: string | null | undefined,
  keyFile: string | null | undefined,
  url: string,
): Pick<ConnectionOptions, 'cert' | 'key'> {
  if (!certFile && !keyFile) return {};
  if (!certFile || !keyFile) {
    const [given, lacking] = certFile ? ['sslcert', 'sslkey'] : ['sslkey', 'sslcert'];
    throw new CannotRun({
      what: `${given} is given without ${lacking}: a certificate and its key log in together`,
      where: publicUrl(url),
      fix: `add &${lacking}=/path to the URL, or leave ${given} out`,
    });
  }
  const own = { cert: fileOf('sslcert', certFile, url), key: fileOf('sslkey', keyFile, url) };
  try {
    createSecureContext(own);
  } catch (cause) {
    throw new CannotRun(
      {
        what: `the files of sslcert and sslkey cannot be used together: ${certFile}, ${keyFile}`,
        where: publicUrl(url),
        fix: 'give a certificate and the key that belongs to it, both as PEM, the key without a passphrase: openssl rsa -in with-passphrase.key -out plain.key',
      },
      { cause },
    );
  }
  return own;
}
