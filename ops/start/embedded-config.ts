import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import databases, { isSQLError, sql } from '@databases/pg';
import { stringify } from 'yaml';
import { readRecord } from '../stack/record.ts';
import type { Stack } from '../stack/stack.ts';

const contracts = fileURLToPath(new URL('../../contracts/tables', import.meta.url));

/** Writes the configuration of the demo on an embedded stack, and creates the databases that it names; returns its path. */
export async function embeddedConfig(home: string, stack: Stack): Promise<string> {
  const { host, port, user, password } = stack.postgres;
  const url = (database: string) =>
    `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  await createDatabases(url('postgres'), ['conductor', 'mirror']);
  await secretKey(home, 'keyring', 'root.key');
  await secretKey(home, 'provenance-key', 'signing.key');
  const config = {
    database: 'shop',
    source: { url: url('shop'), slot: 'ig_slot', publication: 'conductor' },
    state: { url: url('conductor') },
    kafka: { brokers: stack.kafka.brokers },
    worker: { niceness: 0 }, // All of them share this machine, and none is a guest.
    registry: stack.registry,
    contracts,
    keyring: { directory: 'keyring', rootKey: { file: 'keyring/root.key' } },
    provenance: {
      signingKey: { file: 'provenance-key/signing.key' },
      origin: 'conductor.localhost/shop',
    },
    sinks: {
      postgres: { url: url('mirror') },
      neo4j: stack.neo4j,
      clickhouse: stack.clickhouse,
    },
  };
  const path = join(home, 'conductor.yaml');
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}

/** Forgets the log in files of a stack that was wiped, where there is none yet; returns whether that is so. */
export async function forgetWiped(home: string): Promise<boolean> {
  if (await readRecord(join(home, 'stack.json'))) return false;
  await rm(join(home, 'provenance'), { recursive: true, force: true });
  return true;
}

async function createDatabases(url: string, names: readonly string[]): Promise<void> {
  const db = databases.default({ connectionString: url, poolSize: 1, bigIntMode: 'string' });
  try {
    for (const name of names)
      await db
        .query(
          sql`CREATE DATABASE ${sql.ident(name)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
        )
        .catch((error: unknown) => {
          if (!isSQLError(error) || error.code !== '42P04') throw error; // It is there already.
        });
  } finally {
    await db.dispose();
  }
}

/** Made once: whoever loses the root key loses all that was sealed, and who loses the other can prove nothing more. */
async function secretKey(home: string, folder: string, name: string): Promise<void> {
  const path = join(home, folder, name);
  await mkdir(join(home, folder), { recursive: true, mode: 0o700 });
  const there = await readFile(path).catch(() => null);
  if (!there) await writeFile(path, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
}
