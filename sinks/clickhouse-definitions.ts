import type { ClickHouseClient } from '@clickhouse/client';
import { localName, type WarehousePlace } from './clickhouse-place.ts';
import { changesOfColumns, type RestingColumns } from './clickhouse-changes.ts';
import { literal, ownColumns, quoted, type WarehouseTable } from './clickhouse-tables.ts';

/** Makes the tables and their views, or brings them up to their contracts; any number of times, and beside other workers. */
export async function makeTables(
  client: ClickHouseClient,
  place: WarehousePlace,
  tables: ReadonlyMap<string, WarehouseTable>,
): Promise<void> {
  const run = async (queries: readonly string[]) => {
    for (const query of queries) await client.command({ query });
  };
  await run(definitionsOfWarehouse(place));
  for (const table of tables.values()) await run(definitionsOf(place, table));
  const resting = await restingColumns(client, place);
  for (const table of tables.values()) {
    await run(changesOfColumns(place, table, resting.get(table.history) ?? new Map()));
    await run(viewsOf(place, table));
  }
}

/** What the tables share. */
export const definitionsOfWarehouse = (place: WarehousePlace): readonly string[] => [
  `CREATE DATABASE IF NOT EXISTS ${quoted(place.database)}${place.onCluster}`,
  `CREATE TABLE IF NOT EXISTS ${place.at(place.writers)}${place.onCluster} (
      history String, lane UInt32, epoch UInt64, claim String, at DateTime64(3, 'UTC') DEFAULT now64(3)
    ) ENGINE = ${engineOf(place, 'epoch', `'/clickhouse/tables/${place.database}/${place.writers}', '{shard}-{replica}'`)}
    ORDER BY (history, lane)`,
];

/** A table of a history. On a cluster each server has its part of it, and one name for all of them. */
export function definitionsOf(place: WarehousePlace, table: WarehouseTable): readonly string[] {
  const declared = [
    ...table.columns.map(({ name, type }) => `${quoted(name)} ${type}`),
    ...Object.entries(ownColumns).map(([name, type]) => `${name} ${type}`),
  ];
  const order = [...table.key.map(quoted), ...positionColumns].join(', ');
  const makes = (name: string) => `CREATE TABLE IF NOT EXISTS ${place.at(name)}${place.onCluster}`;
  const resting = place.cluster === null ? table.history : localName(table.history);
  const definitions = [
    `${makes(resting)} (
      ${declared.join(',\n      ')},
      INDEX _truncates _op TYPE set(5) GRANULARITY 1
    ) ENGINE = ${engineOf(place)}
    ORDER BY (${order})
    SETTINGS ${place.cluster === null ? 'non_replicated' : 'replicated'}_deduplication_window = 10000`,
  ];
  if (place.cluster === null) return definitions;
  const parts = [place.cluster, place.database, resting].map(literal).join(', ');
  return [
    ...definitions,
    `${makes(table.history)} (
      ${declared.join(',\n      ')}
    ) ENGINE = Distributed(${parts}, _lane)`,
  ];
}

/** A history without what came twice, and the rows as they are now. */
const viewsOf = (place: WarehousePlace, table: WarehouseTable): readonly string[] => {
  const view = (name: string) => `CREATE OR REPLACE VIEW ${place.at(name)}${place.onCluster} AS`;
  const history = place.at(table.history);
  return [
    `${view(table.changes)} SELECT * FROM ${history} FINAL`,
    `${view(table.current)} ${currentRows(history, table)}`,
  ];
};

/** Of the same position, one row is kept; where a cluster has replicas, they agree on it. */
function engineOf({ cluster }: WarehousePlace, version = '', path = ''): string {
  const parameters = [cluster === null ? '' : path, version].filter((each) => each !== '');
  const name = `${cluster === null ? '' : 'Replicated'}ReplacingMergeTree`;
  return parameters.length > 0 ? `${name}(${parameters.join(', ')})` : name;
}

async function restingColumns(
  client: ClickHouseClient,
  { database }: WarehousePlace,
): Promise<ReadonlyMap<string, RestingColumns>> {
  const answer = await client.query({
    query: `SELECT table, name, type FROM system.columns WHERE database = ${literal(database)}`,
    format: 'JSONEachRow',
  });
  const found = await answer.json<{ table: string; name: string; type: string }>();
  const tables = new Map<string, Map<string, string>>();
  for (const { table, name, type } of found) {
    const columns = tables.get(table) ?? new Map<string, string>();
    tables.set(table, columns.set(name, type));
  }
  return tables;
}

const positionColumns = ['_timeline', '_lsn', '_seq', '_part'] as const;

/**
 * Per key, and per column, the newest that is known. A delete knows every column to be gone, so that
 * nothing from before it shines through; a position tuple compares as positions do.
 */
function currentRows(history: string, { key, columns }: WarehouseTable): string {
  const position = `tuple(${positionColumns.join(', ')})`;
  const rows = `(SELECT *, ${position} AS _at FROM ${history}
    WHERE _op != 'truncate'
      AND ${position} > (SELECT max(${position}) FROM ${history} WHERE _op = 'truncate')) AS h`;
  if (key.length === 0) {
    const names = columns.map(({ name }) => quoted(name)).join(', ');
    return `SELECT ${names} FROM (SELECT DISTINCT _at, ${names} FROM ${rows} WHERE _op != 'delete')`;
  }
  const values = columns.map(({ name }) => {
    const column = `h.${quoted(name)}`;
    if (key.includes(name)) return `${column} AS ${quoted(name)}`;
    const known = `h._op = 'delete' OR NOT has(h._unchanged, ${literal(name)})`;
    return `tupleElement(argMaxIf(tuple(${column}), h._at, ${known}), 1) AS ${quoted(name)}`;
  });
  return `SELECT ${values.join(', ')} FROM ${rows}
    GROUP BY ${key.map((name) => `h.${quoted(name)}`).join(', ')}
    HAVING argMax(h._op, h._at) != 'delete'`;
}
