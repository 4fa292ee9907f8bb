import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { TableContract } from '../contracts/contract.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { makeTables } from './clickhouse-definitions.ts';
import { batchGroups } from './batch-groups.ts';
import { ClaimedTable } from './claimed-table.ts';
import { historyOf } from './clickhouse-history.ts';
import { warehousePlace } from './clickhouse-place.ts';
import { warehouseTrouble } from './clickhouse-trouble.ts';
import { warehouseTables } from './clickhouse-tables.ts';

export interface WarehouseOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly cluster?: string | undefined;
  readonly contracts: readonly TableContract[];
  readonly name?: string;
}

/**
 * Appends every change to the history of its table, once whatever happens, and keeps a view of the current rows beside
 * it, `orders` for `public.orders`.
 */
export async function warehouse(options: WarehouseOptions): Promise<Sink<GovernedRecord>> {
  const tables = warehouseTables(options.contracts);
  const place = warehousePlace(options.database, options.cluster ?? null);
  const client = createClient({
    url: options.url,
    username: options.user,
    password: options.password,
    application: 'conductor',
    log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
    clickhouse_settings: { async_insert: 0 },
  });
  try {
    await makeTables(client, place, tables);
  } catch (cause) {
    await client.close();
    throw warehouseTrouble(options, cause);
  }
  const histories = new Map(
    [...tables].map(([name, table]) => [
      name,
      new ClaimedTable(client, place, historyOf(place, table)),
    ]),
  );
  let open = true;
  let writing = Promise.resolve();
  const groupsOf = batchGroups(({ table }: GovernedRecord) => table);
  const write = async (batch: Batch, meanwhile = () => {}) => {
    if (!open) throw new Error('the ClickHouse sink is closed');
    const groups = groupsOf(batch);
    let left = groups.size;
    for (const [name, records] of groups) {
      const history = histories.get(name);
      if (!history) {
        throw new Refusal('no-contract', `table ${name}: the warehouse has no contract for it`);
      }
      // Before the last, what is prepared of this batch would make room for the next.
      await history.append(records, --left === 0 ? meanwhile : () => {});
    }
  };
  return {
    name: options.name ?? 'clickhouse',
    prepare(batch) {
      for (const [name, records] of groupsOf(batch)) histories.get(name)?.prepare(records);
    },
    write(batch, meanwhile) {
      const written = writing.then(() => write(batch, meanwhile));
      writing = written.catch(() => {});
      return written;
    },
    async [Symbol.asyncDispose]() {
      open = false;
      await client.close();
    },
  };
}

type Batch = readonly GovernedRecord[];
