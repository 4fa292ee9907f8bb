import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { z } from 'zod';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { RestingRow } from '../../processors/view.ts';
import { quoted, type WarehouseTable, warehouseTables } from '../../sinks/clickhouse-tables.ts';
import type { Reader, Wanted } from './reader.ts';

type Warehouse = NonNullable<Config['sinks']['clickhouse']>;
type Parameters = Readonly<Record<string, string | number>>;

const cells = z.array(z.array(z.string().nullable()));

/** Reads the current rows of the warehouse. */
export function clickhouseReader(
  warehouse: Warehouse,
  contracts: readonly TableContract[],
  timeoutSeconds: number,
): Reader {
  const tables = warehouseTables(contracts);
  const client = clientOf(warehouse, timeoutSeconds);
  const at = ({ table: name }: TableContract) => {
    const table = tables.get(name);
    if (!table) throw new TypeError(`table ${name} is not in the warehouse`);
    return { table, from: `${quoted(warehouse.database)}.${quoted(table.current)}` };
  };
  const ask = async (query: string, parameters: Parameters, wanted?: Wanted) => {
    const answer = await client.query({
      query,
      query_params: parameters,
      format: 'JSONCompactEachRow',
      ...(wanted && { abort_signal: wanted.signal }),
    });
    return cells.parse(await answer.json());
  };
  return {
    async rows(page) {
      const { table, from } = at(page.contract);
      const { columns, after, limit } = page;
      const key = table.key.map(quoted).join(', ');
      const beyond = after ? `(${key}) > (${keyParameters(table)})` : '1';
      const found = await ask(
        `SELECT ${columns.map(text).join(', ')} FROM ${from}
         WHERE ${ofTenant(page)} AND ${beyond} ORDER BY ${key} LIMIT {_limit:UInt32}`,
        { ...tenantOf(page), ...keyValues(table, after), _limit: limit },
        page,
      );
      return found.map((row) => rowOf(columns, row));
    },
    async tenants(contract) {
      if (contract.tenant === null) return [];
      const { from } = at(contract);
      const tenant = quoted(contract.tenant);
      const found = await ask(
        `SELECT DISTINCT ${text(contract.tenant)} FROM ${from} WHERE ${tenant} IS NOT NULL`,
        {},
      );
      return found.flatMap(([name]) => name ?? []);
    },
    async groups(grouping) {
      const { from } = at(grouping.contract);
      const { columns, subject, least, limit } = grouping;
      const by = columns.map(quoted).join(', ');
      const found = await ask(
        `SELECT ${columns.map(text).join(', ')}, toString(uniqExact(${quoted(subject)})), toString(count())
         FROM ${from} WHERE ${ofTenant(grouping)}
         GROUP BY ${by} HAVING uniqExact(${quoted(subject)}) >= {_least:UInt32}
         ORDER BY ${by} LIMIT {_limit:UInt32}`,
        { ...tenantOf(grouping), _least: least, _limit: limit },
        grouping,
      );
      return found.map((row) => ({
        group: rowOf(columns, row),
        subjects: Number(row[columns.length]),
        rows: Number(row[columns.length + 1]),
      }));
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const clientOf = ({ url, user, password }: Warehouse, timeoutSeconds: number) =>
  createClient({
    url,
    username: user,
    password,
    application: 'conductor',
    request_timeout: timeoutSeconds * 1_000,
    clickhouse_settings: { max_execution_time: timeoutSeconds },
    log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
  });

const text = (column: string) => `toString(${quoted(column)})`;

const ofTenant = ({ contract, tenant }: Wanted) =>
  tenant === null || contract.tenant === null
    ? '1'
    : `toString(${quoted(contract.tenant)}) = {_tenant:String}`;

const tenantOf = ({ tenant }: Wanted): Parameters => (tenant === null ? {} : { _tenant: tenant });

const keyParameters = ({ key, columns }: WarehouseTable) =>
  key
    .map((name, place) => {
      const type = columns.find((column) => column.name === name)?.type ?? 'String';
      return `{_key${place}:${type}}`;
    })
    .join(', ');

function keyValues({ key }: WarehouseTable, after: Readonly<Record<string, string>> | null) {
  if (!after) return {};
  return Object.fromEntries(key.map((name, place) => [`_key${place}`, after[name] ?? '']));
}

const rowOf = (columns: readonly string[], row: readonly (string | null)[]): RestingRow =>
  Object.fromEntries(columns.map((column, place) => [column, row[place] ?? null]));
