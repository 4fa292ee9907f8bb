import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Makes an authority, and certificates of it for `localhost` and for the role `holder`; gives where they are. */
export function certificates(folder: string) {
  const openssl = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const key = (name: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
  openssl(
    'req',
    '-x509',
    ...key('ca'),
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  );
  openssl('req', ...key('server'), '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.pem', '-days', '2');
  openssl('req', ...key('holder'), '-out', 'holder.csr', '-subj', '/CN=holder');
  const signed = signing.slice(0, 5);
  openssl('x509', '-req', '-in', 'holder.csr', ...signed, '-out', 'holder.pem', '-days', '2');
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    authority: join(folder, 'ca.pem'),
    'root.crt': read('ca.pem'),
    'server.crt': read('server.pem'),
    'server.key': read('server.key'),
  };
}
