import { createHash } from 'node:crypto';
import { ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { NotNow } from '../contracts/cannot-run.ts';
import type { TableContract } from '../contracts/contract.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Governed } from '../schemas/change.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import { positionText } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { unchanged } from '../schemas/value.ts';
import type { Value } from '../schemas/value.ts';
import { definitionsOf, quoted, warehouseTables } from './clickhouse-tables.ts';
import type { WarehouseColumn, WarehouseTable } from './clickhouse-tables.ts';

export interface WarehouseOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly contracts: readonly TableContract[];
  readonly name?: string;
}

/**
 * Appends every change to the history of its table, where a redelivered one folds into itself, and
 * keeps a view of the current rows beside it, `orders` for `public.orders`.
 */
export async function warehouse(options: WarehouseOptions): Promise<Sink<GovernedRecord>> {
  const tables = warehouseTables(options.contracts);
  const client = createClient({
    url: options.url,
    username: options.user,
    password: options.password,
    application: 'conductor',
    log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
    clickhouse_settings: {
      async_insert: 0,
      date_time_input_format: 'best_effort',
      input_format_null_as_default: 1, // A truncate has no key, and key columns take no null.
    },
  });
  try {
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoted(options.database)}` });
    for (const table of tables.values()) {
      for (const query of definitionsOf(options.database, table)) await client.command({ query });
    }
  } catch (cause) {
    await client.close();
    throw unopened(options, cause);
  }
  let open = true;
  return {
    name: options.name ?? 'clickhouse',
    async write(batch) {
      if (!open) throw new Error('the ClickHouse sink is closed');
      for (const [name, changes] of Map.groupBy(batch, ({ table }) => table)) {
        const table = tables.get(name);
        if (!table) {
          throw new Refusal('no-contract', `table ${name}: the warehouse has no contract for it`);
        }
        await append(client, options.database, table, changes);
      }
    },
    async [Symbol.asyncDispose]() {
      open = false;
      await client.close();
    },
  };
}

async function append(
  client: ClickHouseClient,
  database: string,
  table: WarehouseTable,
  records: readonly GovernedRecord[],
): Promise<void> {
  const changes = records.map((record) => ({ ...changeOf(record), offset: record.offset }));
  // Arrays under one line of names: half the bytes to encode and to parse of an object per row.
  const names = [...ownNames, ...table.columns.map(({ name }) => name)];
  const values = [names, ...changes.map((change) => historyRow(table, change))];
  try {
    await client.insert({
      table: `${quoted(database)}.${quoted(table.history)}`,
      values,
      format: 'JSONCompactEachRowWithNames',
      clickhouse_settings: { insert_deduplication_token: tokenOf(changes) },
    });
  } catch (error) {
    throw refusalOf(table, error) ?? error;
  }
}

/** The same changes are the same token, so that a batch whose answer was lost is not stored twice. */
function tokenOf(changes: readonly Governed[]): string {
  const hash = createHash('sha256');
  for (const { system, position, policy } of changes) {
    hash.update(`${system}/${positionText(position)}/${policy}\n`);
  }
  return hash.digest('hex');
}

const ownNames = [
  '_op',
  '_timeline',
  '_lsn',
  '_seq',
  '_part',
  '_lane',
  '_offset',
  '_committed_at',
  '_provenance',
  '_policy',
  '_unchanged',
] as const;

/** A row of the history, in the order of `ownNames` and then of the table's columns. */
function historyRow(
  table: WarehouseTable,
  change: Governed & { readonly offset: bigint },
): readonly unknown[] {
  const { op, key, after, position } = change;
  if (op !== 'truncate' && table.key.some((column) => (key?.[column] ?? null) === null)) {
    throw new Refusal('no-key', `table ${table.source}: a change without its key`);
  }
  const silent: string[] = [];
  const row: unknown[] = [
    op,
    position.timeline,
    `${position.lsn}`,
    position.seq,
    position.part,
    change.lane,
    `${change.offset}`,
    seconds(change.committedAt),
    change.provenance,
    change.policy,
    silent,
  ];
  for (const column of table.columns) {
    const { name } = column;
    const value = key && Object.hasOwn(key, name) ? key[name] : after?.[name];
    const known = value !== undefined && value !== unchanged;
    if (after && !known) silent.push(name);
    row.push(known ? jsonOf(table, column, value) : null);
  }
  if (after) refuseStrangers(table, after);
  return row;
}

/** JSON has no number for some of them, and ClickHouse would bend a date that it cannot hold. */
function jsonOf(
  { source }: WarehouseTable,
  { name, type }: WarehouseColumn,
  value: Value,
): string | number | boolean | null {
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'number' && !Number.isFinite(value)) return `${value}`.toLowerCase();
  if (typeof value === 'string' && type.includes('Date') && !inCalendar.test(value)) {
    throw new Refusal(
      'rejected-by-sink',
      `table ${source}: column ${name} is a date that ClickHouse cannot hold (it ends at 1900 and 2299)`,
    );
  }
  return value;
}

const inCalendar = /^(19|2[012])\d\d-(?!.*BC)/;

function refuseStrangers(table: WarehouseTable, row: object): void {
  let known = 0;
  for (const { name } of table.columns) if (Object.hasOwn(row, name)) known++;
  const names = Object.keys(row);
  if (known === names.length) return;
  const strangers = names.filter((name) => !table.columns.some((column) => column.name === name));
  throw new Error(
    `table ${table.source}: column ${strangers.join(', ')} is not in the contract that this warehouse was opened with; restart with the newer contract`,
  );
}

/**
 * Microseconds since 1970 as a decimal of seconds: text, for a float would round it. Ten digits, for fewer would be read
 * as a date: a row that is copied before anything was ever committed through its slot has a commit time of zero.
 */
function seconds(micros: number): string {
  const whole = Math.floor(micros / 1e6);
  return `${`${whole}`.padStart(10, '0')}.${`${micros - whole * 1e6}`.padStart(6, '0')}`;
}

/** Codes that speak of the data sent, not of the server's state: parsing, ranges, types, constraints. */
const dataCodes = new Set(
  [6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 174, 190, 321, 349]
    .concat([376, 407, 441, 467, 469, 675, 676, 691])
    .map(String),
);

/** What ClickHouse says about data quotes it: only its code and our own column's name are taken over. */
function refusalOf({ source, columns }: WarehouseTable, error: unknown): Refusal | null {
  if (!(error instanceof ClickHouseError) || !dataCodes.has(error.code)) return null;
  const column = columns.find(({ name }) =>
    error.message.includes(`the value of key ${name})`),
  )?.name;
  const what = `ClickHouse code ${error.code} ${error.type ?? ''}`.trim();
  const message = `table ${source}: ${what}${column ? ` (column ${column})` : ''}`;
  return new Refusal('rejected-by-sink', message, {
    cause: Object.assign(new Error(what), { code: error.code }),
  });
}

function unopened({ url, user, database }: WarehouseOptions, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const said = cause instanceof Error ? cause.message || code : String(cause);
  const fix = fixes.find(([pattern]) => pattern.test(code))?.[1];
  const what = `cannot open the ClickHouse warehouse ${database} at ${url} as ${user}: ${said.trim().split('\n')[0]}`;
  const mend = fix ?? 'mend what it says, or correct the settings of this sink';
  return new NotNow({ what, where: 'sinks.clickhouse', fix: mend }, { cause });
}

const fixes: readonly (readonly [RegExp, string])[] = [
  [/^(516|192|193|194)$/, 'correct the user and password'],
  [/^497$/, 'GRANT CREATE, ALTER, DROP, SELECT, INSERT on that database to the user'],
  [/^E[A-Z]+$/, 'start the server, or correct the host and port of the URL'],
];
