import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { TableContract } from '../contracts/contract.ts';
import { type Beside, besideContract } from './beside.ts';
import type { WarehouseOptions } from './clickhouse.ts';
import { makeTables } from './clickhouse-definitions.ts';
import { warehousePlace } from './clickhouse-place.ts';
import { quoted, warehouseTables } from './clickhouse-tables.ts';
import type { WarehouseTable } from './clickhouse-tables.ts';

/** A table of the warehouse beside itself: a history of its own, until the two exchange their names or it gives its rows away. */
export function besideWarehouse(
  { url, user, password, database }: Omit<WarehouseOptions, 'contracts'>,
  contract: TableContract,
  replay: number,
): Beside {
  const client = createClient({
    url,
    username: user,
    password,
    application: 'conductor replay',
    request_timeout: 3_600_000, // Merging a whole table takes as long as it takes.
    log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
  });
  const beside = besideContract(contract, replay);
  const live = tableOf(contract);
  const own = tableOf(beside);
  const place = warehousePlace(database, null);
  const { at } = place;
  const run = (query: string) => client.command({ query });
  const idOf = (name: string) => uuidOf(client, database, name);
  const drop = async () => {
    for (const view of [own.current, own.changes]) await run(`DROP VIEW IF EXISTS ${at(view)}`);
    await run(`DROP TABLE IF EXISTS ${at(own.history)}`);
  };

  return {
    contract: beside,
    obstacle: () => Promise.resolve(null),
    isThere: async () => (await idOf(own.history)) !== null,
    prepare: () => Promise.resolve(), // The sink makes what it needs.
    async note() {
      return (await idOf(own.history)) ?? '';
    },
    async switchOver(catchUp, { note, keep }) {
      if ((await idOf(live.history)) !== note) {
        await catchUp('beside');
        if ((await idOf(live.history)) === null) {
          // Somebody has dropped it. One that is there is as its own sink left it: a policy may have made text of columns.
          await makeTables(client, place, new Map([[contract.table, live]]));
        }
        await run(`EXCHANGE TABLES ${at(own.history)} AND ${at(live.history)}`);
      }
      await catchUp('live'); // What others still wrote to the old one.
      if (!keep || (await idOf(own.history)) === null) return null;
      const kept = `${live.history}_before_${replay}`;
      await run(`RENAME TABLE ${at(own.history)} TO ${at(kept)}`);
      return kept;
    },
    async merge(catchUp) {
      await catchUp('beside');
      const names = (await columnsOf(client, database, own.history)).map(quoted).join(', ');
      const rows = await count(client, `${at(own.history)} FINAL`);
      // A change that is there already is put in its own place, and the later of two counts once they are merged.
      await run(`INSERT INTO ${at(live.history)} (${names}) SETTINGS insert_deduplicate = 0
        SELECT ${names} FROM ${at(own.history)} FINAL`);
      await run(`OPTIMIZE TABLE ${at(live.history)} FINAL`);
      return { rows, removed: 0 };
    },
    drop,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function ask<T>(client: ClickHouseClient, query: string, params: Record<string, string>) {
  const answer = await client.query({ query, query_params: params, format: 'JSONEachRow' });
  return answer.json<T>();
}

async function uuidOf(
  client: ClickHouseClient,
  database: string,
  name: string,
): Promise<string | null> {
  const [row] = await ask<{ readonly uuid: string }>(
    client,
    'SELECT toString(uuid) AS uuid FROM system.tables WHERE database = {database:String} AND name = {name:String}',
    { database, name },
  );
  return row?.uuid ?? null;
}

async function columnsOf(
  client: ClickHouseClient,
  database: string,
  name: string,
): Promise<readonly string[]> {
  const rows = await ask<{ readonly name: string }>(
    client,
    'SELECT name FROM system.columns WHERE database = {database:String} AND table = {name:String} ORDER BY position',
    { database, name },
  );
  return rows.map((row) => row.name);
}

async function count(client: ClickHouseClient, from: string): Promise<number> {
  const [row] = await ask<{ readonly rows: string }>(
    client,
    `SELECT toString(count()) AS rows FROM ${from}`,
    {},
  );
  return Number(row?.rows ?? 0);
}

function tableOf(contract: TableContract): WarehouseTable {
  const table = warehouseTables([contract]).get(contract.table);
  if (!table) throw new Error(`the warehouse has no table for ${contract.table}`);
  return table;
}
