import { sqlName } from '../../contracts/sql-name.ts';
import { createClient } from '@clickhouse/client';
import { sql, type Transaction } from '@databases/pg';
import neo4j, { type Driver, isDate, isDateTime, isInt, isLocalDateTime } from 'neo4j-driver';
import { governedColumns, type TableContract } from '../../contracts/contract.ts';
import { kindOf } from '../../schemas/avro.ts';
import type { Value } from '../../schemas/value.ts';
import { quoted, warehouseTables } from '../../sinks/clickhouse-tables.ts';
import { openDatabase } from './database.ts';

/** A row as a store has it. */
export type StoredRow = Readonly<Record<string, Value>>;

/** A foreign key that is a relationship: the key it starts at, and the column that says where it ends. */
export interface StoredEdge {
  readonly type: string;
  readonly from: StoredRow;
  readonly to: Value;
}

/** A store whose rows can be read one after the other. */
export interface Store extends AsyncDisposable {
  readonly name: string;
  /** Every row of a table, with the governed columns; what has no place in the table is null: a stub. */
  rows(contract: TableContract): AsyncIterable<StoredRow | null>;
  /** The relationships that start at the rows of a table; absent where a store has none. */
  edges?(contract: TableContract): AsyncIterable<StoredEdge>;
  /** How many changes are there more than once; absent where a store keeps no history. */
  doubles?(contract: TableContract): Promise<number>;
}

/** The rows of a PostgreSQL database, as typed values; `columns` says which. */
export function postgresStore(
  name: string,
  url: string,
  columns: (
    contract: TableContract,
  ) => readonly { readonly name: string; readonly type: string }[] = governedColumns,
): Store {
  const db = openDatabase(url);
  return {
    name,
    async *rows(contract) {
      const wanted = columns(contract);
      const types = new Map(wanted.map((column) => [column.name, column.type]));
      const query = sql`SELECT ${sql.join(
        wanted.map((column) => sql`${sqlName(column.name)}::text`),
        ', ',
      )} FROM ${sqlName(...contract.table.split('.'))}`;
      const rows: readonly Readonly<Record<string, string | null>>[] = await db.tx(
        async (tx: Transaction) => {
          await tx.query(sql`SET LOCAL TIME ZONE 'UTC'`);
          return tx.query(query);
        },
      );
      for (const row of rows)
        yield Object.fromEntries(
          Object.entries(row).map(([column, text]) => [column, valueOf(types.get(column), text)]),
        );
    },
    [Symbol.asyncDispose]: () => db.dispose(),
  };
}

/** A value as a change would carry it: integers as numbers, what has no exact type as text. */
function valueOf(type: string | undefined, text: string | null): Value {
  if (text === null || type === undefined) return text;
  const kind = kindOf(type);
  if (kind === 'boolean') return text === 'true';
  if (kind === 'long') return BigInt(text);
  return kind === 'int' || kind === 'float' || kind === 'double' ? Number(text) : text;
}

/** The nodes and relationships of a graph. A node that only something else points to is a stub. */
export function graphStore(
  name: string,
  at: {
    readonly url: string;
    readonly user: string;
    readonly password: string;
    readonly database?: string;
  },
  contracts: readonly TableContract[],
): Store {
  const driver = neo4j.driver(at.url, neo4j.auth.basic(at.user, at.password), { useBigInt: true });
  const database = at.database ?? 'neo4j';
  const labelOf = (table: string) =>
    contracts.find((contract) => contract.table === table)?.graph?.label;
  return {
    name,
    async *rows({ graph }) {
      if (!graph) return;
      const cypher = `MATCH (n:${escaped(graph.label)}) RETURN properties(n) AS row`;
      for await (const record of read(driver, database, cypher)) {
        const row = properties(record['row']);
        yield '_position' in row ? row : null;
      }
    },
    async *edges({ key, columns, graph }) {
      for (const { type, column, to } of graph?.relationships ?? []) {
        const label = labelOf(to);
        const target = columns.find((each) => each.name === column)?.references?.column;
        if (!graph || label === undefined || target === undefined) continue;
        const own = key.map((each) => `${escaped(each)}: a.${escaped(each)}`).join(', ');
        const cypher = `MATCH (a:${escaped(graph.label)})-[:${escaped(type)}]->(b:${escaped(label)})
          RETURN {${own}} AS source, b.${escaped(target)} AS target`;
        for await (const record of read(driver, database, cypher))
          yield { type, from: properties(record['source']), to: plain(record['target']) };
      }
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}

const escaped = (identifier: string) => `\`${identifier.replaceAll('`', '``')}\``;

async function* read(
  driver: Driver,
  database: string,
  cypher: string,
): AsyncIterable<Readonly<Record<string, unknown>>> {
  const session = driver.session({ database, defaultAccessMode: neo4j.session.READ });
  try {
    for await (const record of session.run(cypher)) yield record.toObject();
  } finally {
    await session.close();
  }
}

function properties(node: unknown): StoredRow {
  if (typeof node !== 'object' || node === null) return {};
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return isInt(value) ? value.toBigInt() : timeOf(value);
  return typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number'
    ? value
    : value === true;
}

/** The driver's times print themselves as ISO 8601; a list is compared as its JSON. */
const timeOf = (value: object): string =>
  isDateTime(value) || isLocalDateTime(value) || isDate(value)
    ? value.toString()
    : JSON.stringify(value);

/** The current rows of a warehouse, and whether its history has a change twice. */
export function warehouseStore(
  name: string,
  at: {
    readonly url: string;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  },
  contracts: readonly TableContract[],
): Store {
  const client = createClient({ url: at.url, username: at.user, password: at.password });
  const tables = warehouseTables(contracts);
  const tableOf = ({ table }: TableContract) => {
    const found = tables.get(table);
    if (!found) throw new Error(`table ${table}: the warehouse has no contract for it`);
    return { ...found, of: (view: string) => `${quoted(at.database)}.${quoted(view)}` };
  };
  return {
    name,
    async *rows(contract) {
      const { columns, current, of } = tableOf(contract);
      const texts = columns.map((column) => `toString(${quoted(column.name)})`).join(', ');
      const answer = await client.query({
        query: `SELECT ${texts} FROM ${of(current)}`,
        format: 'JSONCompactEachRow',
      });
      for await (const batch of answer.stream<readonly (string | null)[]>())
        for (const line of batch) {
          const values = line.json();
          yield Object.fromEntries(columns.map((column, n) => [column.name, values[n] ?? null]));
        }
    },
    async doubles(contract) {
      const { changes, of } = tableOf(contract);
      const answer = await client.query({
        query: `SELECT toString(count() - uniqExact(_timeline, _lsn, _seq, _part)) FROM ${of(changes)}`,
        format: 'JSONCompactEachRow',
      });
      const [row] = await answer.json<readonly string[]>();
      return Number(row?.[0] ?? 0);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
