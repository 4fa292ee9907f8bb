import { cpus, release, totalmem } from 'node:os';
import { sql } from '@databases/pg';
import { packages } from '../stack/jars.ts';
import { withDatabase } from './database.ts';
import type { Site } from './site.ts';

/** Where figures are from: without it they mean nothing. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memory_gb: number;
  readonly os: string;
  readonly node: string;
  readonly postgres: string;
  readonly postgres_settings: Readonly<Record<string, string>>; // Those that are not the server's own defaults.
  readonly kafka: string;
  readonly load_before: number; // What others did on it in the minute before.
}

/** Describes the machine and the servers of a site. */
export async function machineOf({ postgresUrl, loadBefore }: Site): Promise<Machine> {
  const { version, settings } = await withDatabase(postgresUrl('postgres'), async (db) => {
    const [server] = (await db.query(sql`SELECT current_setting('server_version') AS version`)) as [
      { readonly version: string },
    ];
    const set = (await db.query(sql`
      SELECT name, current_setting(name) AS value FROM pg_settings
      WHERE source = 'command line' AND name NOT IN ('port', 'listen_addresses', 'unix_socket_directories')
      ORDER BY name`)) as readonly { readonly name: string; readonly value: string }[];
    return { version: server.version, settings: set.map(({ name, value }) => [name, value]) };
  });
  return {
    ...hardware(loadBefore),
    postgres: version,
    postgres_settings: Object.fromEntries(settings) as Readonly<Record<string, string>>,
    kafka: packages.kafka.version,
  };
}

/** Describes the machine, without servers. */
export function hardware(loadBefore: number) {
  const all = cpus();
  return {
    cores: all.length,
    cpu: all[0]?.model.trim() ?? 'unknown',
    memory_gb: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()}`,
    node: process.version,
    load_before: loadBefore,
  };
}
