import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from './finished.ts';
import { fetchJars, packages } from './jars.ts';
import { findJava } from './java.ts';
import type { Launch, NativePart } from './native-part.ts';

/** Neo4j 5.26 community, Bolt only, with a password from its first start on. */
export const neo4jPart: NativePart = {
  part: 'neo4j',
  ports: 1,
  patienceMs: 120_000,
  stopping: [{ signal: 'SIGTERM', ms: 30_000 }],

  async prepare({ data, ports, stack, report }): Promise<Launch> {
    const java = await findJava();
    const jars = await fetchJars(packages.neo4j, report);
    const conf = join(data, 'conf');
    for (const folder of [conf, join(data, 'logs')]) await mkdir(folder, { recursive: true });
    await writeFile(join(conf, 'neo4j.conf'), configuration(ports[0] ?? 0));
    // The password file is consumed by the first start, which makes the databases.
    if (!(await exists(join(data, 'data', 'databases')))) {
      await finished({
        command: java,
        args: ['-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`, 'org.neo4j.cli.AdminTool'].concat([
          'dbms',
          'set-initial-password',
          stack.neo4j.password,
        ]),
        env: { PATH: process.env['PATH'], NEO4J_HOME: data, NEO4J_CONF: conf },
      });
    }
    const opened = ['java.nio', 'java.io', 'sun.nio.ch', 'java.util.concurrent'];
    return {
      command: java,
      args: ['-Xms128m', '-Xmx512m', '-Dlog4j2.disable.jmx=true']
        .concat(opened.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`))
        .concat(['-cp', `${jars}/*`, 'org.neo4j.server.CommunityEntryPoint'])
        .concat([`--home-dir=${data}`, `--config-dir=${conf}`]),
      env: {},
    };
  },

  async answers({ neo4j }) {
    // Loaded here because it is slow to load and most commands never need it.
    const { default: driver } = await import('neo4j-driver');
    const client = driver.driver(neo4j.url, driver.auth.basic(neo4j.user, neo4j.password), {
      connectionTimeout: 2_000,
      maxTransactionRetryTime: 0,
    });
    try {
      await client.executeQuery('RETURN 1', {}, { database: 'neo4j' });
    } finally {
      await client.close();
    }
  },
};

/** The server's configuration: this machine only, little memory, no reports to anyone. */
export function configuration(port: number): string {
  const settings = {
    'server.default_listen_address': '127.0.0.1',
    'server.bolt.listen_address': `127.0.0.1:${port}`,
    'server.bolt.advertised_address': `127.0.0.1:${port}`,
    'server.http.enabled': false,
    'server.https.enabled': false,
    'server.memory.pagecache.size': '128m',
    'dbms.usage_report.enabled': false,
    // Otherwise each database claims a quarter of a gigabyte of disk before its first write.
    'db.tx_log.preallocate': false,
    'db.tx_log.rotation.size': '32m',
    'db.tx_log.rotation.retention_policy': '2 files',
    // It waits these out in full when it stops, whether or not anybody is connected.
    'internal.server.bolt.connection_shutdown_wait_time': '1s',
    'internal.server.bolt.thread_pool_shutdown_wait_time': '1s',
    'internal.dbms.bolt.netty_server_shutdown_quiet_period': 0,
    'internal.dbms.bolt.netty_server_shutdown_timeout': 1,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
