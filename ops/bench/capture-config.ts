import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSQLError, sql } from '@databases/pg';
import { stringify } from 'yaml';
import type { Rule } from '../../contracts/contract.ts';
import { changesTopic, governedTopic } from '../../contracts/topics.ts';
import { withDatabase } from './database.ts';
import type { Counted } from './end-offsets.ts';
import type { Site } from './site.ts';

/** Columns as a contract promises them, by name. */
export type PromisedColumns = Readonly<
  Record<
    string,
    {
      readonly type: string;
      readonly key?: boolean;
      readonly confidential?: boolean;
      readonly hierarchy?: object; // As a contract writes it.
      readonly rule?: Rule; // Else an open column is kept, and a confidential one masked.
    }
  >
>;

interface PromisedTable {
  readonly table: string; // With its schema.
  readonly columns: PromisedColumns;
  readonly tenant?: string;
  readonly subject?: string;
  readonly anon?: object; // As a contract writes it.
  readonly graph?: object;
}

/** A capture of its own: its configuration, its slot and its topics. */
export interface CaptureConfig {
  readonly file: string;
  readonly name: string;
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly topics: readonly Counted[]; // What capture writes.
  readonly governed: readonly Counted[]; // What govern makes of it.
}

interface Settings {
  readonly niceness?: number;
  readonly lingerMs?: number;
  readonly sinks?: object; // As a configuration writes them.
  readonly more?: object; // Other settings.
}

/** The database that every benchmark captures. */
export const sourceDatabase = 'source';

const partitions = 12;

/** Creates the databases of a benchmark: the one that is captured, Conductor's own, and `more`. */
export async function createDatabases(
  { postgresUrl }: Site,
  more: readonly string[] = [],
): Promise<string> {
  await withDatabase(postgresUrl('postgres'), async (db) => {
    for (const name of [sourceDatabase, 'conductor', ...more])
      await db
        .query(
          sql`CREATE DATABASE ${sql.ident(name)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
        )
        .catch((error: unknown) => {
          if (!isSQLError(error) || error.code !== '42P04') throw error; // It is there already.
        });
  });
  return postgresUrl(sourceDatabase);
}

/** Writes the configuration and the contracts of a capture; `name` is its database in topics. */
export async function captureConfig(
  { home, stack, postgresUrl }: Site,
  name: string,
  tables: readonly PromisedTable[],
  { niceness, lingerMs, sinks, more }: Settings = {},
): Promise<CaptureConfig> {
  const folder = join(home, name);
  await mkdir(join(folder, 'contracts'), { recursive: true });
  await mkdir(join(folder, 'keyring'), { mode: 0o700 });
  const rootKey = join(folder, 'keyring', 'root.key');
  await writeFile(rootKey, randomBytes(32).toString('hex'), { mode: 0o600 });
  for (const promised of tables)
    await writeFile(
      join(folder, 'contracts', `${promised.table}.yaml`),
      stringify(contractOf(promised)),
    );
  const url = postgresUrl(sourceDatabase);
  const slot = `slot_${name}`;
  const publication = 'bench';
  const config = {
    database: name,
    source: { url, slot, publication, compareRows: 0, lingerMs },
    state: { url: postgresUrl('conductor') },
    kafka: { brokers: stack.kafka.brokers, partitions },
    registry: stack.registry,
    sinks,
    ...more,
    worker: { niceness },
    contracts: 'contracts',
    keyring: { directory: 'keyring', rootKey: { file: 'keyring/root.key' } },
  };
  const file = join(folder, 'conductor.yaml');
  await writeFile(file, stringify(config), { mode: 0o600 });
  const counted = (topic: (database: string, table: string) => string) =>
    tables.map(({ table }) => ({ topic: topic(name, table), partitions }));
  const [topics, governed] = [counted(changesTopic), counted(governedTopic)];
  return { file, name, url, slot, publication, topics, governed };
}

/** The Open Data Contract that says so. */
function contractOf({ table, columns, tenant, subject, anon, graph }: PromisedTable): object {
  const short = table.slice(table.indexOf('.') + 1);
  const owners = Object.entries({ tenant, subject, anon, graph }).flatMap(([property, value]) =>
    value === undefined ? [] : [{ property, value }],
  );
  return {
    apiVersion: 'v3.1.0',
    kind: 'DataContract',
    id: `bench.${short}`,
    version: '1.0.0',
    status: 'active',
    schema: [
      {
        name: short,
        physicalName: table,
        physicalType: 'table',
        customProperties: owners,
        properties: Object.entries(columns).map(
          ([name, { type, key, confidential, rule, hierarchy }]) => ({
            name,
            physicalType: type,
            ...(key ? { primaryKey: true } : {}),
            classification: confidential ? 'confidential' : 'internal',
            customProperties: [
              { property: 'rule', value: rule ?? (confidential ? 'mask' : 'keep') },
              ...(hierarchy ? [{ property: 'hierarchy', value: hierarchy }] : []),
            ],
          }),
        ),
      },
    ],
  };
}
