import type { TableContract } from '../../contracts/contract.ts';
import type { Registry } from '../../contracts/registry.ts';
import { governedTopic } from '../../contracts/topics.ts';
import { warehouseTables } from '../../sinks/clickhouse-tables.ts';
import { graphTables } from '../../sinks/neo4j-tables.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import { type GraphAt, GraphRows } from './graph-rows.ts';
import type { FoldState, SavedFold } from './fold-state.ts';
import type { Keeping } from './kept-fold.ts';
import { LaneChanges } from './lane-changes.ts';
import { MirrorRows } from './mirror-rows.ts';
import { RestingHistory, type WarehouseAt } from './resting-history.ts';
import type { Verified } from './verified.ts';
import { verifyHistory } from './verify-history.ts';
import { type VerifiedRows, verifyRows } from './verify-rows.ts';

/** A sink that is verified, and where it is. */
export type VerifiedSink =
  | { readonly sink: 'postgres'; readonly at: { readonly url: string } }
  | { readonly sink: 'neo4j'; readonly at: GraphAt }
  | { readonly sink: 'clickhouse'; readonly at: WarehouseAt };

export interface VerifyTable {
  readonly database: string;
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly contracts: readonly TableContract[];
  /** Where it is kept what topics come to; null reads them from their beginnings. */
  readonly state: FoldState | null;
  readonly saves: boolean;
}

/** Whether a table comes to rest in a sink: a graph has only those that are mapped. */
export const restsIn = (contract: TableContract, { sink }: VerifiedSink): boolean =>
  sink !== 'neo4j' || contract.graph !== null || contract.join !== undefined;

/** Holds a table, as it rests in a sink, against what its governed topic comes to at the same place. */
export async function verifyTable(
  { database, kafka, registry, contracts, state, saves }: VerifyTable,
  contract: TableContract,
  sink: VerifiedSink,
): Promise<Verified> {
  const begun = performance.now();
  const { table } = contract;
  await using records = new LaneRecords(kafka, governedTopic(database, table));
  const lanes = (await records.bounds('end')).length;
  const changes = new LaneChanges(records, registry);
  const task = `${database}/${sink.sink}/${table}`;
  const keeping = state && {
    read: (form: string) => state.read(task, form),
    save: saves
      ? (form: string, saved: SavedFold, goesOn: boolean) => state.save(task, form, saved, goesOn)
      : null,
  };
  const verified = await verifyIn(sink, { contract, contracts, changes, lanes, keeping });
  const seconds = (performance.now() - begun) / 1_000;
  return { sink: sink.sink, table, ...verified, seconds: Math.round(seconds * 100) / 100 };
}

interface VerifyIn {
  readonly contract: TableContract;
  readonly contracts: readonly TableContract[];
  readonly changes: LaneChanges;
  readonly lanes: number;
  readonly keeping: Keeping | null;
}

async function verifyIn(
  { sink, at }: VerifiedSink,
  { contract, contracts, changes, lanes, keeping }: VerifyIn,
): Promise<VerifiedRows> {
  switch (sink) {
    case 'postgres': {
      await using resting = await MirrorRows.open(at.url, contract, lanes);
      return await verifyRows(resting, changes, keeping);
    }
    case 'neo4j': {
      const table = graphTables(contracts).get(contract.table);
      if (!table) throw new TypeError(`table ${contract.table} is not in the graph`);
      await using resting = new GraphRows(at, table, contract, lanes);
      return await verifyRows(resting, changes, keeping);
    }
    case 'clickhouse': {
      const table = warehouseTables(contracts).get(contract.table);
      if (!table) throw new TypeError(`table ${contract.table} is not in the warehouse`);
      await using resting = await RestingHistory.open(at, table, contract, lanes);
      return await verifyHistory(resting, changes, keeping);
    }
  }
}
