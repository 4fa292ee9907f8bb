import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { CannotRun } from '../contracts/cannot-run.ts';
import type { UnitCosts } from '../contracts/unit-costs.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { LedgerRow } from '../schemas/ledger-row.ts';
import { batchGroups } from './batch-groups.ts';
import { type Appended, ClaimedTable } from './claimed-table.ts';
import { type WarehousePlace, warehousePlace } from './clickhouse-place.ts';
import { literal } from './clickhouse-tables.ts';
import { warehouseTrouble } from './clickhouse-trouble.ts';
import { publishPrices } from './unit-prices.ts';
import { UsageBlock } from './usage-block.ts';
import { migrateUsage } from './usage-migrations.ts';
import { endsIn, type LaneEnds, type Summed, sumUp } from './usage-sums.ts';
import { usageTables } from './usage-tables.ts';

export interface UsageOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly cluster?: string | undefined;
}

/** The ledger of usage in the warehouse, and the sums that are made of it. */
export interface UsageLedger extends Sink<LedgerRow> {
  /** Prices by these from now on. */
  publishPrices(units: UnitCosts): Promise<void>;
  /** Finds how far these topics are in the ledger: who wrote last may not have summed it. */
  recall(topics: readonly string[]): Promise<void>;
  /** Brings the sums of what was written up to the ledger, as far as one pass goes. */
  sumUp(): Promise<Summed>;
}

/** Appends every event to the ledger, once whatever happens. */
export async function usageLedger(options: UsageOptions): Promise<UsageLedger> {
  const place = warehousePlace(options.database, options.cluster ?? null);
  const client = usageClient(options);
  try {
    await migrateUsage(client, place);
  } catch (cause) {
    await client.close();
    throw warehouseTrouble(options, cause);
  }
  const tables = new Map<string, ClaimedTable<LedgerRow>>();
  const recalled = new Map<string, LaneEnds>();
  const groupsOf = batchGroups(({ topic }: LedgerRow) => topic);
  const tableOf = (topic: string) => {
    const table = tables.get(topic) ?? new ClaimedTable(client, place, rowsOf(place, topic));
    tables.set(topic, table);
    return table;
  };
  let writing = Promise.resolve();
  const write = async (batch: readonly LedgerRow[], meanwhile = () => {}) => {
    const groups = groupsOf(batch);
    let left = groups.size;
    for (const [topic, rows] of groups)
      await tableOf(topic).append(rows, --left === 0 ? meanwhile : () => {});
  };
  return {
    name: 'usage-ledger',
    prepare(batch) {
      for (const [topic, rows] of groupsOf(batch)) tableOf(topic).prepare(rows);
    },
    write(batch, meanwhile) {
      const written = writing.then(() => write(batch, meanwhile));
      writing = written.catch(() => {});
      return written;
    },
    publishPrices: (units) => publishPrices(client, place, units),
    async recall(topics) {
      for (const topic of topics) recalled.set(topic, await endsIn(client, place, topic));
    },
    async sumUp() {
      let done: Summed = 'all is summed';
      for (const topic of new Set([...recalled.keys(), ...tables.keys()])) {
        const ends = furthest(recalled.get(topic), tables.get(topic)?.ends);
        if ((await sumUp(client, place, topic, ends)) !== done) done = 'more is to be summed';
      }
      return done;
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

export const usageClient = ({ url, user, password }: UsageOptions) =>
  createClient({
    url,
    username: user,
    password,
    application: 'conductor',
    log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
    clickhouse_settings: { async_insert: 0 },
  });

/** Of what is known of each lane, the furthest: what was seen before another took a lane up is less. */
function furthest(...known: readonly (LaneEnds | undefined)[]): LaneEnds {
  const ends = new Map<number, bigint>();
  for (const [lane, end] of known.flatMap((each) => [...(each ?? [])]))
    if (end > (ends.get(lane) ?? 0n)) ends.set(lane, end);
  return ends;
}

/** How the events of a topic are appended to the ledger. */
const rowsOf = (place: WarehousePlace, topic: string): Appended<LedgerRow> => ({
  table: usageTables.ledger,
  resting: place.all(usageTables.ledger),
  claimed: `${usageTables.ledger}/${topic}`,
  lane: 'lane',
  offset: 'offset',
  only: `topic = ${literal(topic)}`,
  identity: `concat(tenant, '\\n', source, '\\n', id)`,
  identityOf: ({ tenant, source, id }) => `${tenant}\n${source}\n${id}`,
  block: () => new UsageBlock(),
  refusalOf: () => null,
  madeAnew: ({ lane, offset }) =>
    new CannotRun({
      what: `${topic}/${lane} has another event at offset ${offset} than the ledger: the topic was made anew`,
      where: 'sinks.clickhouse',
      fix: 'meter into another database of ClickHouse, or under another name of the topic (metering.topic)',
    }),
});
