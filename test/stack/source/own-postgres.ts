import { spawnSync } from 'node:child_process';
import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionPool, sql } from '@databases/pg';
import { openDatabase } from '../../../ops/demo/database.ts';
import { postgresPart } from '../../../ops/stack/postgres-part.ts';
import { serviceAccount } from '../../../ops/stack/service-account.ts';
import { ownServer } from '../way/own-server.ts';

/** A PostgreSQL server of a test's own. */
export interface OwnPostgres extends AsyncDisposable {
  readonly port: number;
  readonly data: string;
  /** Its address, as the superuser or as somebody else. */
  url(database?: string, login?: string, query?: string): string;
  /** Connections of the superuser, open until the server is disposed of. */
  db(database?: string): ConnectionPool;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** `kill -9`; its data stay. */
  kill(): Promise<void>;
  /** Its data as they are now, for another server to begin with; it is killed for that, and started again. */
  copy(): Promise<Copy>;
}

export interface Copy {
  readonly data: string;
  readonly login: string; // Of the superuser.
}

export interface Wanted {
  readonly settings?: Readonly<Record<string, string | number>>;
  /** What else is to be in its data folder, by file name; secrets are only the server's to read. */
  readonly files?: Readonly<Record<string, string>>;
  readonly copyOf?: Copy;
}

export async function ownPostgres({
  settings = {},
  files = {},
  copyOf,
}: Wanted = {}): Promise<OwnPostgres> {
  let data = '';
  let copies = 0;
  const server = await ownServer({
    ...postgresPart,
    async prepare(setting) {
      const launch = await postgresPart.prepare(setting);
      const first = data === '';
      data = launch.args[1] ?? '';
      if (first && copyOf) {
        for (const name of await readdir(data)) await rm(join(data, name), { recursive: true });
        copyData(copyOf.data, data);
      }
      if (first) await writeFiles(data, files);
      const options = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
      return { ...launch, args: [...launch.args, ...options] };
    },
    answers: ({ postgres, ...rest }) =>
      postgresPart.answers({
        ...rest,
        postgres: { ...postgres, ...(copyOf && { password: passwordOf(copyOf) }) },
      }),
  });
  const { postgres } = await server.start();
  const login = copyOf?.login ?? `${postgres.user}:${postgres.password}`;
  const pools = new Map<string, ConnectionPool>();
  const url: OwnPostgres['url'] = (database = 'postgres', who = login, query = '') =>
    `postgres://${who}@127.0.0.1:${postgres.port}/${database}${query}`;
  return {
    port: postgres.port,
    data,
    url,
    db(database = 'postgres') {
      const pool = pools.get(database) ?? openDatabase(url(database));
      pools.set(database, pool);
      return pool;
    },
    async start() {
      await server.start();
    },
    kill: () => server.kill(),
    async copy() {
      const to = `${data}.copy-${++copies}`;
      await server.kill();
      await mkdir(to, { mode: 0o700 });
      copyData(data, to);
      await rm(join(to, 'postmaster.pid'), { force: true });
      await server.start();
      return { data: to, login };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...pools.values()].map((pool) => pool.dispose()));
      await server[Symbol.asyncDispose]();
    },
  };
}

const passwordOf = ({ login }: Copy) => login.slice(login.indexOf(':') + 1);

/** Copies a stopped server's files, owners and all. */
function copyData(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', `${from}/.`, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the data could not be copied: ${stderr}`);
}

async function writeFiles(data: string, files: Readonly<Record<string, string>>): Promise<void> {
  const account = await serviceAccount();
  for (const [name, content] of Object.entries(files)) {
    const path = join(data, name);
    await writeFile(path, content, { mode: 0o600 });
    if (account) await chown(path, account.uid, account.gid);
  }
}

/** Runs statements, each by itself. */
export async function run(db: ConnectionPool, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.query(sql.__dangerous__rawValue(statement));
}
