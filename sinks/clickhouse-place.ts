import { literal, quoted, writersTable } from './clickhouse-tables.ts';

/** Where the tables of a warehouse are: on one server, or on those of a cluster, a lane on one shard. */
export interface WarehousePlace {
  readonly database: string;
  readonly cluster: string | null;
  readonly writers: string; // The table of claims.
  readonly at: (name: string) => string;
  /** A table as all servers have it, so that what any of them was told is seen. */
  readonly all: (name: string) => string;
  /** A history as it rests, wherever. */
  readonly resting: (history: string) => string;
  /** What the servers are running. */
  readonly processes: string;
  readonly onCluster: string; // As a definition says it.
}

export function warehousePlace(database: string, cluster: string | null): WarehousePlace {
  const at = (name: string) => `${quoted(database)}.${quoted(name)}`;
  const everywhere = (name: string) =>
    cluster === null
      ? at(name)
      : `clusterAllReplicas(${literal(cluster)}, ${literal(database)}, ${literal(name)})`;
  return {
    database,
    cluster,
    writers: writersTable,
    at,
    all: everywhere,
    resting: (history) => everywhere(cluster === null ? history : localName(history)),
    processes:
      cluster === null
        ? 'system.processes'
        : `clusterAllReplicas(${literal(cluster)}, system.processes)`,
    onCluster: cluster === null ? '' : ` ON CLUSTER ${quoted(cluster)}`,
  };
}

/** The part of a history that a server of a cluster keeps itself. */
export const localName = (history: string): string => `${history}_local`;
