import { type Config, loadConfig } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import { InvalidContracts } from '../../contracts/odcs-document.ts';
import { loadContracts } from '../../contracts/odcs.ts';
import { topicFault } from '../../contracts/topics.ts';
import type { Recovery } from '../../contracts/source-settings.ts';
import { type Registry, registryAt } from '../../contracts/registry.ts';
import { type KafkaOptions, kafkaOptions } from '../../pipelines/topic/kafka.ts';
import type { Counters } from './counters.ts';

/** What every pipeline of a worker is opened with. */
export interface Setting {
  readonly configFile: string;
  readonly config: Config;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly registry: Registry;
  readonly keyring: Keyring;
  readonly kafka: KafkaOptions;
  readonly counters: Counters;
  readonly untilCurrent: boolean;
}

export async function readContracts(config: Config): Promise<ReadonlyMap<string, TableContract>> {
  const contracts = await loadContracts(config.contracts);
  const faults = contracts.flatMap(({ table }) => topicFault(config.database, table) ?? []);
  if (faults.length > 0) throw new InvalidContracts(faults);
  return new Map(contracts.map((contract) => [contract.table, contract]));
}

/** Connects to nothing yet but the keyring's KMS: what else is opened here answers later, or not at all. */
export async function settingOf(
  configFile: string,
  pipeline: string,
  {
    counters,
    untilCurrent,
    recover,
  }: {
    readonly counters: Counters;
    readonly untilCurrent: boolean;
    readonly recover: Recovery | undefined; // Overrules `source.recover`.
  },
): Promise<Setting> {
  const config = withRecovery(await loadConfig(configFile), recover);
  return {
    configFile,
    config,
    contracts: await readContracts(config),
    registry: registryAt(config.registry.url),
    keyring: await openKeyring(config.keyring),
    kafka: kafkaOptions(config, pipeline),
    counters,
    untilCurrent,
  };
}

const withRecovery = (config: Config, recover: Recovery | undefined): Config =>
  recover ? { ...config, source: { ...config.source, recover } } : config;
