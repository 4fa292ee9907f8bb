import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { governedColumns, type TableContract } from '../../contracts/contract.ts';
import { inOrder, RowDigest } from '../../processors/row-digest.ts';
import { kindOf } from '../../schemas/avro.ts';
import { literal, quoted, type WarehouseTable } from '../../sinks/clickhouse-tables.ts';
import { BucketSums } from './bucket-sums.ts';
import { digitsOf, type HistoryColumn, textOf } from './history-column.ts';

export interface WarehouseAt {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** From which offset of each lane on, and up to, and without, which. */
export interface LaneRange {
  readonly from: readonly bigint[];
  readonly to: readonly bigint[];
}

/** Offsets of a lane that are summed up together. */
export const rangeOffsets = 4_096;

/** A change as it rests. */
export interface RestingChange {
  readonly place: string; // What it does, and its position.
  readonly hash: string; // Of its key.
  readonly digest: string;
  readonly name: string; // The values of its key, as JSON.
  readonly count: number; // How often it rests.
}

/** The changes of a table as they rest in the warehouse, every one of them, and hashed there. */
export class RestingHistory implements AsyncDisposable {
  readonly digest: RowDigest;
  readonly uncompared: readonly string[]; // Columns that rest in a form of which nobody can tell whether it is the same.
  readonly #client: ClickHouseClient;
  readonly #from: string;
  readonly #key: string;
  readonly #name: string;
  readonly #row: string;
  readonly #lanes: number;

  private constructor(
    client: ClickHouseClient,
    {
      from,
      columns,
      key,
    }: { from: string; columns: readonly HistoryColumn[]; key: readonly string[] },
    lanes: number,
  ) {
    this.#client = client;
    this.#from = from;
    this.#lanes = lanes;
    const byName = columns.toSorted((a, b) => inOrder(a.name, b.name));
    const told = byName.flatMap((column) => {
      const digits = digitsOf(column);
      return digits === null ? [] : [{ ...column, digits }];
    });
    this.uncompared = byName.filter((column) => digitsOf(column) === null).map(({ name }) => name);
    this.digest = new RowDigest(
      told.map(({ name }) => name),
      key,
    );
    const keyed = told.filter(({ inKey }) => inKey).map(({ digits }) => digits);
    this.#key =
      keyed.length === 1
        ? (keyed[0] ?? '')
        : md5(keyed.length === 0 ? positionText : `concat(${keyed.join(', ')}, '')`);
    this.#row = md5(`concat(${place}, ${told.map(({ digits }) => digits).join(', ')})`);
    const named = key.flatMap((name) => told.find((column) => column.name === name) ?? []);
    this.#name = `concat('{', ${named.map(nameOf).join(", ',', ") || "''"}, '}')`;
  }

  static async open(
    at: WarehouseAt,
    table: WarehouseTable,
    contract: TableContract,
    lanes: number,
  ): Promise<RestingHistory> {
    const client = createClient({
      url: at.url,
      username: at.user,
      password: at.password,
      application: 'conductor',
      log: { level: ClickHouseLogLevel.OFF }, // It would print the server's words, which quote rows.
      clickhouse_settings: { prefer_column_name_to_alias: 1 }, // Columns may have the names that results have here.
    });
    try {
      const answer = await client.query({
        query:
          'SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}',
        query_params: { database: at.database, table: table.history },
        format: 'JSONEachRow',
      });
      const rows = await answer.json<{ name: string; type: string }>();
      const types = new Map(rows.map(({ name, type }) => [name, type]));
      if (!types.has('_offset')) throw offsetless(contract.table, types.size > 0);
      const columns = governedColumns(contract).flatMap(({ name, type }) => {
        const found = types.get(name);
        const inKey = contract.key.includes(name);
        return found === undefined ? [] : [{ name, type: found, kind: kindOf(type), inKey }];
      });
      const from = `${quoted(at.database)}.${quoted(table.history)}`;
      return new RestingHistory(client, { from, columns, key: contract.key }, lanes);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Per lane, the offset after the greatest that rests. */
  async applied(): Promise<readonly bigint[]> {
    const rows = await this.#ask<{ lane: number; at: string }>(
      `SELECT _lane AS lane, toString(max(_offset)) AS at FROM ${this.#from} GROUP BY _lane`,
    );
    const applied = Array.from({ length: this.#lanes }, () => 0n);
    for (const { lane, at } of rows) applied[lane] = BigInt(at) + 1n;
    return applied;
  }

  /** The sums of what rests within a range, in the buckets of `ExpectedChanges.bucketOf`. */
  async sums(range: LaneRange): Promise<BucketSums> {
    const rows = await this.#ask<{ lane: number; at: string; rows: string; sum: string }>(
      `SELECT _lane AS lane, toString(intDiv(_offset, ${rangeOffsets})) AS at, toString(count()) AS rows,
              toString(sum(${wordOf(this.#row)})) AS sum
       FROM ${this.#from} WHERE ${within(range)} GROUP BY 1, 2`,
    );
    const sums = new BucketSums();
    for (const { lane, at, rows: count, sum } of rows)
      sums.addMany(Number(at) * this.#lanes + lane, Number(count), BigInt(sum));
    return sums;
  }

  /** The changes within some of those buckets. */
  async changes(range: LaneRange, of: ReadonlySet<number>): Promise<readonly RestingChange[]> {
    const rows = await this.#ask<Omit<RestingChange, 'count'> & { readonly count: string }>(
      `SELECT ${place} AS place, ${this.#key} AS hash, ${this.#row} AS digest, any(${this.#name}) AS name,
              toString(count()) AS count
       FROM ${this.#from}
       WHERE ${within(range)} AND (intDiv(_offset, ${rangeOffsets}) * ${this.#lanes} + _lane) IN (${[...of].join(', ')})
       GROUP BY 1, 2, 3`,
    );
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }

  async #ask<Row>(query: string): Promise<readonly Row[]> {
    const answer = await this.#client.query({ query, format: 'JSONEachRow' });
    return answer.json<Row>();
  }
}

/** SQL for a column of a key as `keyText` writes it. */
function nameOf(column: HistoryColumn): string {
  const text = textOf(column) ?? "''";
  const isBare = ['int', 'long', 'boolean'].includes(column.kind);
  return `concat(${literal(`${JSON.stringify(column.name)}:`)}, ${isBare ? text : `toJSONString(${text})`})`;
}

const padded = (column: string, digits: number) => `leftPad(lower(hex(${column})), ${digits}, '0')`;
const positionText = `concat(${padded('_timeline', 8)}, '/', ${padded('_lsn', 16)}, '/', ${padded('_seq', 8)}, '/', ${padded('_part', 8)})`;
const place = `concat(_op, ' ', ${positionText})`;
const md5 = (text: string) => `substring(lower(hex(MD5(${text}))), 1, 16)`;

/** The number that sixteen digits are. */
const wordOf = (digits: string) => `reinterpretAsUInt64(reverse(unhex(${digits})))`;

const within = ({ from, to }: LaneRange) =>
  `_offset >= [${from.join(', ')}][_lane + 1] AND _offset < [${to.join(', ')}][_lane + 1]`;

const offsetless = (table: string, isThere: boolean) =>
  new CannotRun({
    what: isThere
      ? `the history of table ${table} does not know which records its rows are: an older Conductor made it`
      : `the warehouse has no history of table ${table}`,
    where: 'sinks.clickhouse',
    fix: 'run conductor run deliver-clickhouse, which makes it from its contract',
  });
