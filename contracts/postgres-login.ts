import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity, rootCertificates } from 'node:tls';
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
  if (!mode || mode === 'disable') return { connectionString, ssl: false };

  const file = (name: string, path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw new CannotRun(
        {
          what: `the file of ${name} cannot be read: ${path}`,
          where: publicUrl(url),
          fix: `correct ${name} in the URL; an absolute path is safest`,
        },
        { cause },
      );
    }
  };
  const own = {
    ...(cert && { cert: file('sslcert', cert) }),
    ...(key && { key: file('sslkey', key) }),
  };
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
