import type { Config } from '../../contracts/config.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { registryAt } from '../../contracts/registry.ts';
import { type Compared, compareTable } from '../../pipelines/compare/compare.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { contractedTable, type Wanted } from './request.ts';

/** Holds a table against its topic, as far as a running capture has brought it. */
export async function compareOnce(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { table, condition }: Wanted,
): Promise<Compared> {
  const { source, state, keyring: keys, database, registry } = config;
  await using checkpoints = await checkpointsAt(state.url);
  await using keyring = await openKeyring(keys);
  return await compareTable({
    url: source.url,
    database,
    publication: source.publication,
    stream: `${database}/${source.slot}`,
    contract: contractedTable(contracts, table, config.contracts),
    checkpoints,
    kafka: kafkaOptions(config, 'compare'),
    registry: registryAt(registry.url),
    keyring,
    condition,
  });
}

/** The comparison as lines for people. */
export function comparedText(compared: Compared): string {
  const { equal, source, topic, missing, extra, different, partial, withheld, examples } = compared;
  const elsewhere = extra > 0 && compared.filtered;
  return [
    `${equal ? 'equal' : 'NOT EQUAL'}: source ${source.rows} rows, checksum ${source.checksum}; topic ${topic.rows} rows, checksum ${topic.checksum}`,
    ...(equal ? [] : [`  ${missing} missing, ${extra} extra, ${different} different`]),
    ...examples.map((key) => `  key ${key}`),
    ...(elsewhere
      ? ['  the publication leaves rows out: another capture may have brought what is extra']
      : []),
    ...(partial ? ['  only what the topic still holds was compared'] : []),
    ...(withheld > 0 ? [`  ${withheld} changes of erased subjects are withheld`] : []),
  ].join('\n');
}
