import type { WarehousePlace } from './clickhouse-place.ts';

/** The names of what usage rests in. */
export const usageTables = {
  ledger: 'usage_ledger',
  notCounted: 'usage_not_counted',
  hourly: 'usage_hourly',
  progress: 'usage_progress',
  prices: 'unit_prices',
  closings: 'cost_closings',
  closedLines: 'cost_lines',
} as const;

type Definition = (place: WarehousePlace) => string;

/**
 * Every event as it came, at its place in its lane; nothing is ever taken out or changed. It has no partitions: an
 * insert is to rest as one part, whole or not at all.
 */
export const ledgerOfUsage: Definition = (place) =>
  `${makes(place, usageTables.ledger)} (
    topic LowCardinality(String), lane UInt32, offset UInt64,
    tenant LowCardinality(String), source LowCardinality(String), id String,
    unit LowCardinality(String), quantity Decimal(38, 12), at DateTime64(6, 'UTC'),
    operation LowCardinality(String), dataset LowCardinality(String), region LowCardinality(String),
    corrects String,
    hour DateTime('UTC') MATERIALIZED toStartOfHour(at),
    name UInt64 MATERIALIZED cityHash64(tenant, source, id),
    corrected UInt64 MATERIALIZED if(corrects = '', 0, cityHash64(tenant, source, corrects)),
    INDEX by_offset offset TYPE minmax GRANULARITY 1
  ) ENGINE = ${engine(place, usageTables.ledger, 'MergeTree')}
  ORDER BY (tenant, hour, unit, operation, dataset, region)
  SETTINGS ${place.cluster === null ? 'non_replicated' : 'replicated'}_deduplication_window = 10000`;

/** Events of the ledger that do not count, for ever, and why: repeated, conflict, corrected, superseded or corrects-a-correction. \`by\` is how far the lane was when it was found. */
export const usageNotCounted: Definition = (place) =>
  `${makes(place, usageTables.notCounted)} (
    tenant LowCardinality(String), hour DateTime('UTC'),
    topic LowCardinality(String), lane UInt32, offset UInt64,
    name UInt64, corrected UInt64, why LowCardinality(String), instead UInt64, \`by\` UInt64
  ) ENGINE = ${engine(place, usageTables.notCounted, 'ReplacingMergeTree', '`by`')}
  ORDER BY (tenant, hour, topic, lane, offset)`;

/** What counts, by the hour and lane: summed anew from the ledger whenever an hour was touched, the last sum in place of all before. */
export const usageByHour: Definition = (place) =>
  `${makes(place, usageTables.hourly)} (
    tenant LowCardinality(String), hour DateTime('UTC'), unit LowCardinality(String),
    operation LowCardinality(String), dataset LowCardinality(String), region LowCardinality(String),
    topic LowCardinality(String), lane UInt32,
    quantity Decimal(38, 12), events UInt64, version UInt64, summed DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${engine(place, usageTables.hourly, 'ReplacingMergeTree', 'version')}
  ORDER BY (tenant, hour, unit, operation, dataset, region, topic, lane)`;

/** Up to where each lane is summed. */
export const progressOfSums: Definition = (place) =>
  `${makes(place, usageTables.progress)} (
    topic LowCardinality(String), lane UInt32, next UInt64, at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${engine(place, usageTables.progress, 'ReplacingMergeTree', 'next')}
  ORDER BY (topic, lane)`;

/** How a definition begins. */
export const makes = (place: WarehousePlace, table: string): string =>
  `CREATE TABLE IF NOT EXISTS ${place.at(table)}${place.onCluster}`;

/** On a cluster every server is a replica of all of it: a total is of the whole. */
export function engine(
  { cluster, database }: WarehousePlace,
  table: string,
  name: 'MergeTree' | 'ReplacingMergeTree',
  version = '',
): string {
  const versions = version === '' ? [] : [version];
  if (cluster === null) return `${name}(${versions.join('')})`;
  const path = [`'/clickhouse/tables/${database}/${table}'`, `'{shard}-{replica}'`];
  return `Replicated${name}(${[...path, ...versions].join(', ')})`;
}
