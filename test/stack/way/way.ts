import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionPool, sql } from '@databases/pg';
import { parse, stringify } from 'yaml';
import { type Config, loadConfig } from '../../../contracts/config.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Comparison } from '../../../ops/demo/compare.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import type { Stack } from '../../../ops/stack/stack.ts';
import { compareAll } from '../../../ops/start/demo.ts';
import { readContracts } from '../../../ops/worker/setting.ts';
import { servers } from '../servers.ts';
import { sweep } from './sweep.ts';
import { contractOf, type TestTable, testTables } from './tables.ts';
import { type Ended, Worker } from './worker.ts';

/** A whole way of a test's own: databases, tables, contracts, slot, topics, labels, keyring. */
export interface Way extends AsyncDisposable {
  readonly name: string; // Of its database, schema, slot and publication, and in its topics.
  readonly folder: string;
  readonly stack: Stack;
  readonly config: Config;
  readonly configFile: string;
  readonly contracts: Map<string, TableContract>;
  readonly urls: { readonly source: string; readonly state: string; readonly mirror: string };
  readonly source: ConnectionPool;
  readonly state: ConnectionPool;
  /** Runs statements in one transaction of the source. */
  commit(...statements: readonly string[]): Promise<void>;
  /** Starts `conductor …` with this way's configuration, or another, what else its environment is to have, and Node's own flags. */
  start(
    args: readonly string[],
    configFile?: string,
    more?: Readonly<Record<string, string>>,
    flags?: readonly string[],
  ): Worker;
  /** Runs pipelines one after the other, each up to where its log ends; throws if one of them fails. */
  drain(...pipelines: readonly string[]): Promise<void>;
  /** Holds every sink against the source. */
  compare(): Promise<Comparison>;
  /** Writes another configuration beside the first; returns its path. */
  variant(change: (config: RawConfig) => void): Promise<string>;
}

export interface RawConfig {
  [key: string]: unknown;
  source: Record<string, unknown>;
  state: Record<string, unknown>;
  kafka: Record<string, unknown>;
  registry: Record<string, unknown>;
  sinks: Record<'postgres' | 'neo4j' | 'clickhouse', Record<string, unknown>>;
}

const wholeWay = ['capture', 'govern', 'deliver'];

/** Makes a way on the servers that tests share, or on some of a test's own; disposing of it leaves nothing behind. */
export async function openWay(
  tables: readonly TestTable[] = testTables,
  own: Partial<Stack> = {},
  form = "ENCODING 'UTF8' LOCALE 'C'",
): Promise<Way> {
  const stack = { ...(await servers()), ...own };
  const name = `w_${randomBytes(5).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), 'conductor-way-'));
  const urls = {
    source: urlOf(stack, name),
    state: urlOf(stack, `${name}_state`),
    mirror: urlOf(stack, `${name}_mirror`),
  };
  await createDatabases(stack, name, form);
  const source = openDatabase(urls.source);
  const state = openDatabase(urls.state);
  for (const { ddl } of tables)
    for (const statement of ddl) await source.query(sql.__dangerous__rawValue(statement));
  const contractsFolder = join(folder, 'contracts');
  await mkdir(contractsFolder);
  for (const table of tables)
    await writeFile(join(contractsFolder, `${table.name}.yaml`), contractOf(name, table));
  const configFile = join(folder, 'conductor.yaml');
  await writeFile(configFile, stringify(rawConfig(stack, name, urls)));
  const config = await loadConfig(configFile);
  const contracts = new Map(tables.length > 0 ? await readContracts(config) : []);
  const env = { CONDUCTOR_HOME: folder };
  const workers: Worker[] = [];
  let variants = 0;

  const start: Way['start'] = (args, file = configFile, more = {}, flags = []) => {
    const worker = new Worker([...args, '--config', file], { ...env, ...more }, flags);
    workers.push(worker);
    return worker;
  };
  return {
    name,
    folder,
    stack,
    config,
    configFile,
    contracts,
    urls,
    source,
    state,
    start,
    async commit(...statements) {
      await source.tx(async (tx) => {
        for (const statement of statements) await tx.query(sql.__dangerous__rawValue(statement));
      });
    },
    async drain(...pipelines) {
      for (const pipeline of pipelines.length > 0 ? pipelines : wholeWay)
        succeeded(await start(['run', pipeline, '--until-current']).ended, pipeline);
    },
    compare: () => compareAll(config, contracts),
    async variant(change) {
      const raw = parse(await readFile(configFile, 'utf8')) as RawConfig;
      change(raw);
      const path = join(folder, `variant-${++variants}.yaml`);
      await writeFile(path, stringify(raw));
      return path;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
      await source.dispose();
      await state.dispose();
      await sweep(stack, name, [...contracts.values()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function succeeded({ code, signal, stderr }: Ended, pipeline: string): void {
  if (code !== 0) throw new Error(`${pipeline} ended with ${code ?? signal}: ${stderr}`);
}

export const urlOf = ({ postgres }: Stack, database: string): string =>
  `postgres://${postgres.user}:${postgres.password}@${postgres.host}:${postgres.port}/${database}`;

/** Every table is in a schema of the way's own name, because the graph and its tombstones are shared. */
async function createDatabases(stack: Stack, name: string, form: string): Promise<void> {
  const admin = openDatabase(urlOf(stack, 'postgres'));
  try {
    for (const database of [name, `${name}_state`, `${name}_mirror`])
      await admin.query(
        sql`CREATE DATABASE ${sql.ident(database)} TEMPLATE template0 ${sql.__dangerous__rawValue(database === name ? form : "ENCODING 'UTF8' LOCALE 'C'")}`,
      );
    await admin.query(
      sql`ALTER DATABASE ${sql.ident(name)} SET search_path = ${sql.ident(name)}, public`,
    );
  } finally {
    await admin.dispose();
  }
  const source = openDatabase(urlOf(stack, name));
  await source.query(sql`CREATE SCHEMA ${sql.ident(name)}`);
  await source.dispose();
}

function rawConfig(stack: Stack, name: string, urls: Way['urls']) {
  return {
    database: name,
    source: { url: urls.source, slot: name, publication: name, compareRows: 0 },
    state: { url: urls.state },
    kafka: { brokers: stack.kafka.brokers },
    registry: { url: stack.registry.url },
    contracts: 'contracts',
    policy: { topic: `control.${name}.policies` },
    keyring: { directory: 'keyring', rootKey: randomBytes(32).toString('hex') },
    sinks: {
      postgres: { url: urls.mirror },
      neo4j: stack.neo4j,
      clickhouse: { ...stack.clickhouse, database: name },
    },
  };
}
