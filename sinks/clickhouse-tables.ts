import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';

/** A table of the warehouse: its history, which is written, and two views, which are read. */
export interface WarehouseTable {
  readonly source: string; // As at the source, `public.orders`.
  readonly history: string;
  readonly current: string;
  readonly changes: string;
  readonly key: readonly string[];
  readonly columns: readonly WarehouseColumn[];
}

export interface WarehouseColumn {
  readonly name: string;
  readonly type: string; // ClickHouse's.
  readonly isMade: boolean; // Masked, a token or a class: text, whatever its table had before.
}

/** How the tables under contract are named and typed in the warehouse; refuses what would not fit. */
export function warehouseTables(
  contracts: readonly TableContract[],
): ReadonlyMap<string, WarehouseTable> {
  const owners = new Map([[writersTable, 'of claims']]);
  const tables = new Map<string, WarehouseTable>();
  for (const contract of contracts) {
    const table = tableOf(contract);
    for (const name of [table.history, table.current, table.changes]) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        throw new Error(
          `tables ${owner} and ${contract.table} would both be ${name} in the warehouse; put them in databases of their own`,
        );
      }
      owners.set(name, contract.table);
    }
    tables.set(contract.table, table);
  }
  return tables;
}

/** A name as ClickHouse quotes it; a plain one stays as it is, for embedded engines take no other in an INSERT. */
export const quoted = (name: string): string =>
  /^[a-z_]\w*$/i.test(name) ? name : `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;

/** A type without Nullable. */
export const bare = (type: string): string => /^Nullable\((.*)\)$/.exec(type)?.[1] ?? type;

/** What a history says of every change, beside its columns. */
export const ownColumns = {
  _op: 'LowCardinality(String)',
  _timeline: 'UInt32',
  _lsn: 'UInt64',
  _seq: 'UInt32',
  _part: 'UInt32',
  _lane: 'UInt32',
  _offset: 'UInt64',
  _committed_at: `DateTime64(6, 'UTC')`,
  _unchanged: 'Array(LowCardinality(String))',
  _provenance: 'String',
  _policy: 'LowCardinality(String)',
} as const;

/** Who may write which lanes. */
export const writersTable = 'conductor_writers';

function tableOf(contract: TableContract): WarehouseTable {
  const { table, key } = contract;
  const dot = table.indexOf('.');
  const schema = table.slice(0, Math.max(dot, 0));
  const name = table.slice(dot + 1);
  const current = schema === '' || schema === 'public' ? name : `${schema}_${name}`;
  const columns = governedColumns(contract).map((column) => ({
    name: column.name,
    type: key.includes(column.name) ? typeOf(column.type) : `Nullable(${typeOf(column.type)})`,
    isMade: contract.columns.some(({ name, rule }) => name === column.name && rule !== 'keep'),
  }));
  const taken = columns.find(({ name: column }) =>
    [...Object.keys(ownColumns), '_at'].includes(column),
  );
  if (taken) {
    throw new Error(
      `table ${table}: a column ${taken.name} is the warehouse's own; drop that column by its contract`,
    );
  }
  const keyless = key.filter((column) => !columns.some((each) => each.name === column));
  if (keyless.length > 0) {
    throw new Error(
      `table ${table}: its key column ${keyless.join(', ')} does not leave govern; give it a rule other than drop in its contract`,
    );
  }
  return {
    source: table,
    current,
    history: `${current}_history`,
    changes: `${current}_changes`,
    key,
    columns,
  };
}

const exactTypes: Readonly<Record<string, string>> = {
  smallint: 'Int16',
  integer: 'Int32',
  bigint: 'Int64',
  boolean: 'Bool',
  real: 'Float32',
  'double precision': 'Float64',
  date: 'Date32',
  uuid: 'UUID',
};

function typeOf(type: string): string {
  const exact = Object.hasOwn(exactTypes, type) ? exactTypes[type] : undefined;
  if (exact) return exact;
  if (/^timestamp(\(\d\))?( with(out)? time zone)?$|^timestamptz$/.test(type)) {
    return `DateTime64(6, 'UTC')`;
  }
  const [, precision, scale = 0] = /^(?:numeric|decimal)\((\d+)(?:, ?(\d+))?\)$/.exec(type) ?? [];
  if (precision && Number(precision) <= 76 && Number(scale) <= Number(precision)) {
    return `Decimal(${precision}, ${scale})`;
  }
  return 'String';
}

/** A text as ClickHouse reads it. */
export const literal = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
