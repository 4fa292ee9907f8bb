import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Beside } from '../../sinks/beside.ts';
import type { SinkName } from '../worker/sink-names.ts';

/** Opens what a sink has beside a table for a replay. Loads the driver of this sink, and of no other. */
export async function openBeside(
  { sinks }: Config,
  sink: SinkName,
  {
    contract,
    contracts,
    replay,
  }: {
    readonly contract: TableContract;
    readonly contracts: readonly TableContract[];
    readonly replay: number;
  },
): Promise<Beside> {
  if (sink === 'postgres' && sinks.postgres) {
    if (sinks.postgres.consistency === 'transactions') throw partsShown();
    const { besideMirror } = await import('../../sinks/postgres-beside.ts');
    return besideMirror(sinks.postgres.url, contract, replay);
  }
  if (sink === 'neo4j' && sinks.neo4j) {
    const { besideGraph } = await import('../../sinks/neo4j-beside.ts');
    return besideGraph({ ...sinks.neo4j, contracts }, contract, replay);
  }
  if (sink === 'clickhouse' && sinks.clickhouse) {
    if (sinks.clickhouse.cluster !== undefined) throw onCluster();
    const { besideWarehouse } = await import('../../sinks/clickhouse-beside.ts');
    return besideWarehouse(sinks.clickhouse, contract, replay);
  }
  throw new CannotRun({
    what: `no ${sink} is configured to replay into`,
    where: `sinks.${sink}`,
    fix: `set sinks.${sink}, or choose another with --into`,
  });
}

const partsShown = () =>
  new CannotRun({
    what: 'the mirror shows whole transactions only, and a table that is rebuilt would show parts of them',
    where: 'sinks.postgres.consistency',
    fix: 'rebuild it with the other consistency, and return to this one once it has all',
  });

const onCluster = () =>
  new CannotRun({
    what: 'tables of a cluster are on several servers, whose names are not exchanged in one step',
    where: 'sinks.clickhouse.cluster',
    fix: 'drop the history on the cluster, set the offsets of the group of deliver-clickhouse back to the beginning, and let it run',
  });
