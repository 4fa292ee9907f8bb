import type { ClickHouseClient } from '@clickhouse/client';
import { CannotRun } from '../contracts/cannot-run.ts';
import { definitionsOfWarehouse } from './clickhouse-definitions.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal } from './clickhouse-tables.ts';
import { closedMonths, pricesOfUnits, viewsOfCosts } from './cost-views.ts';
import { ledgerOfUsage, progressOfSums, usageByHour, usageNotCounted } from './usage-tables.ts';
import { viewsOfUsage } from './usage-views.ts';

/** What makes the tables of usage and costs, step by step. A step that was released is never changed: a new one is added. */
interface Migration {
  readonly number: number;
  readonly name: string;
  readonly statements: (place: WarehousePlace) => readonly string[];
}

const usageMigrations: readonly Migration[] = [
  {
    number: 1,
    name: 'a ledger of usage, what of it does not count, and its sums by the hour',
    statements: (place) =>
      [ledgerOfUsage, usageNotCounted, usageByHour, progressOfSums].map((of) => of(place)),
  },
  {
    number: 2,
    name: 'what units cost, and months that are closed',
    statements: (place) => [pricesOfUnits(place), ...closedMonths(place)],
  },
  {
    number: 3,
    name: 'usage by the day and the month, and what it costs, for analysts',
    statements: (place) => [...viewsOfUsage(place), ...viewsOfCosts(place)],
  },
];

const table = 'conductor_migrations';

/** Brings a warehouse up to the last migration, each once; several may do so at a time, for each can be done again. */
export async function migrateUsage(client: ClickHouseClient, place: WarehousePlace): Promise<void> {
  for (const query of [...definitionsOfWarehouse(place), notesOf(place)])
    await client.command({ query });
  const answer = await client.query({
    query: `SELECT DISTINCT number FROM ${place.all(table)}`,
    format: 'JSONEachRow',
  });
  const done = new Set(
    (await answer.json<{ number: number }>()).map(({ number }) => Number(number)),
  );
  const newest = usageMigrations.at(-1)?.number ?? 0;
  if ([...done].some((number) => number > newest)) {
    throw new CannotRun({
      what: `the warehouse ${place.database} has been migrated further than this version of Conductor knows`,
      where: 'sinks.clickhouse',
      fix: 'run the newer version, or meter into another database',
    });
  }
  for (const { number, name, statements } of usageMigrations) {
    if (done.has(number)) continue;
    for (const query of statements(place)) await client.command({ query });
    await client.command({
      query: `INSERT INTO ${place.at(table)} (number, name) VALUES (${number}, ${literal(name)})`,
    });
  }
}

const notesOf = (place: WarehousePlace) =>
  `CREATE TABLE IF NOT EXISTS ${place.at(table)}${place.onCluster} (
    number UInt32, name String, at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${place.cluster === null ? 'MergeTree' : `ReplicatedMergeTree('/clickhouse/tables/${place.database}/${table}', '{shard}-{replica}')`}
  ORDER BY number`;
