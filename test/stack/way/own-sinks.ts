import { appendFile, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { openDatabase } from '../../../ops/demo/database.ts';
import { clickhousePart } from '../../../ops/stack/clickhouse-part.ts';
import type { NativePart } from '../../../ops/stack/native-part.ts';
import { neo4jPart } from '../../../ops/stack/neo4j-part.ts';
import { postgresPart } from '../../../ops/stack/postgres-part.ts';
import { serviceAccount } from '../../../ops/stack/service-account.ts';
import { ownServer } from './own-server.ts';
import { readOnlyFront } from './read-only-front.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';
import { type RawConfig, urlOf } from './way.ts';

/** What becomes of a store: it takes no more, and then it does again. */
export interface Trouble {
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** The three stores on servers and disks of a test's own. */
export interface OwnSinks extends AsyncDisposable {
  /** Has a configuration deliver into them. */
  configure(raw: RawConfig): void;
  /** Their disks are full. */
  readonly full: Trouble;
  /** They let nobody write. */
  readonly readOnly: Trouble;
}

export async function ownSinks(name: string): Promise<OwnSinks> {
  await using opening = new AsyncDisposableStack();
  const mirror = await ownMirror(opening, name);
  const graph = await ownGraph(opening);
  const warehouse = await ownWarehouse(opening);
  const all = [mirror, graph, warehouse];
  const every = (trouble: 'full' | 'readOnly'): Trouble => ({
    begin: async () => void (await Promise.all(all.map((each) => each[trouble].begin()))),
    end: async () => void (await Promise.all(all.map((each) => each[trouble].end()))),
  });
  const opened = opening.move();
  return {
    configure({ sinks }) {
      sinks.postgres['url'] = mirror.url;
      Object.assign(sinks.neo4j, graph.at);
      Object.assign(sinks.clickhouse, warehouse.at);
    },
    full: every('full'),
    readOnly: every('readOnly'),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A mirror whose tables lie on the disk; the server's own log does not, and it goes on. */
async function ownMirror(opening: AsyncDisposableStack, name: string) {
  const disk = opening.use(await smallDisk(48));
  const place = join(disk.path, 'tables');
  await mkdir(place, { mode: 0o700 });
  const account = await serviceAccount();
  if (account) await chown(place, account.uid, account.gid);
  const stack = await opening.use(await ownServer(postgresPart)).start();
  const admin = openDatabase(urlOf(stack, 'postgres'));
  opening.defer(() => admin.dispose());
  await admin.query(
    sql`CREATE TABLESPACE small LOCATION ${sql.__dangerous__rawValue(`'${place}'`)}`,
  );
  await admin.query(sql`CREATE DATABASE ${sql.ident(name)} TEMPLATE template0 TABLESPACE small`);
  const set = async (to: 'on' | 'off') => {
    await admin.query(
      sql`ALTER DATABASE ${sql.ident(name)} SET default_transaction_read_only = ${sql.__dangerous__rawValue(to)}`,
    );
    await admin.query(
      sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${name}`,
    );
  };
  return {
    url: urlOf(stack, name),
    full: filled(disk),
    readOnly: { begin: () => set('on'), end: () => set('off') },
  };
}

/** A graph whose store and log lie on the disk: without room for its log it stops, and is started again. */
async function ownGraph(opening: AsyncDisposableStack) {
  const disk = opening.use(await smallDisk(256));
  const data = join(disk.path, 'neo4j');
  let isReadOnly = false;
  const server = opening.use(
    await ownServer({
      ...neo4jPart,
      async prepare(setting) {
        const launch = await neo4jPart.prepare({ ...setting, data });
        const conf = join(data, 'conf', 'neo4j.conf');
        if (isReadOnly) await appendFile(conf, 'server.databases.read_only=neo4j\n');
        return launch;
      },
    }),
  );
  const { neo4j: at } = await server.start();
  const room = filled(disk);
  const restart = async (to: boolean) => {
    isReadOnly = to;
    await server.stop(); // What needs recovery does not start without the right to write.
    await server.start();
  };
  return {
    at,
    full: {
      begin: () => room.begin(),
      async end() {
        await room.end();
        await server.kill();
        await server.start();
      },
    },
    readOnly: { begin: () => restart(true), end: () => restart(false) },
  };
}

async function ownWarehouse(opening: AsyncDisposableStack) {
  const disk = opening.use(await smallDisk(256));
  const data = join(disk.path, 'clickhouse');
  const part: NativePart = {
    ...clickhousePart,
    prepare: (setting) => clickhousePart.prepare({ ...setting, data }),
  };
  const { clickhouse } = await opening.use(await ownServer(part)).start();
  const front = opening.use(await readOnlyFront(clickhouse.url));
  const set = async (to: boolean) => void (front.isReadOnly = to);
  return {
    at: { ...clickhouse, url: front.url },
    full: filled(disk),
    readOnly: { begin: () => set(true), end: () => set(false) },
  };
}

const filled = (disk: SmallDisk): Trouble => ({
  begin: () => disk.fill(),
  end: () => disk.free(),
});
