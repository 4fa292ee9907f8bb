import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, loadConfig } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import { type Comparison, compare } from '../demo/compare.ts';
import { createDemoDatabase } from '../demo/database.ts';
import { graphStore, postgresStore, type Store, warehouseStore } from '../demo/stores.ts';
import { contractsInUse } from '../policy/active.ts';
import type { Provider } from '../stack/stack.ts';
import { pipelinesNamed } from '../worker/pipelines.ts';
import { readContracts } from '../worker/setting.ts';
import { embeddedConfig, forgetWiped } from './embedded-config.ts';
import { expectedRows } from './expected.ts';
import { Workers } from './workers.ts';

/** A running demo: the stack, the shop, and a worker for every pipeline. */
export interface Demo extends AsyncDisposable {
  readonly config: Config;
  readonly configFile: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly shopUrl: string;
  readonly workers: Workers;
  readonly isNew: boolean; // Whether there was no stack in this home before.
}

/** Brings everything up. Disposing of it stops the workers and leaves the stack. */
export async function startDemo(
  home: string,
  provider: Provider,
  report: (line: string) => void,
): Promise<Demo> {
  const isNew = await forgetWiped(home);
  const stack = await provider.up(report);
  const shopUrl = await createDemoDatabase(stack.postgres);
  const configFile = await embeddedConfig(home, stack);
  const config = await loadConfig(configFile);
  const contracts = await readContracts(config);
  await rm(join(home, 'workers'), { recursive: true, force: true });
  const workers = new Workers(home, configFile);
  try {
    report('pipelines  starting');
    await workers.start(pipelinesNamed('all', config, contracts.values()) ?? []);
  } catch (error) {
    await workers[Symbol.asyncDispose]();
    throw error;
  }
  return {
    config,
    configFile,
    contracts,
    shopUrl,
    workers,
    isNew,
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

/** Holds what rests in every sink against the source, row by row, by the rules of the stream. */
export async function compareAll(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<Comparison> {
  const planned = await contractsInUse(config, contracts);
  const all = [...planned.values()];
  const { sinks, source, keyring } = config;
  await using keys = await openKeyring(keyring);
  await using stack = new AsyncDisposableStack();
  const stores: Store[] = [];
  if (sinks.postgres) stores.push(stack.use(postgresStore('mirror', sinks.postgres.url)));
  if (sinks.neo4j) stores.push(stack.use(graphStore('graph', sinks.neo4j, all)));
  if (sinks.clickhouse) stores.push(stack.use(warehouseStore('warehouse', sinks.clickhouse, all)));
  const columns = (contract: TableContract) => contract.columns;
  return await compare({
    contracts: all,
    source: stack.use(postgresStore('source', source.url, columns)),
    stores,
    expected: expectedRows(planned, keys),
  });
}
