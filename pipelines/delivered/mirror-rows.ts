import pg from 'pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { governedColumns, type TableContract } from '../../contracts/contract.ts';
import { inOrder, labelOf, RowDigest } from '../../processors/row-digest.ts';
import { kindOf, type Kind } from '../../schemas/avro.ts';
import { keyText, type Value } from '../../schemas/value.ts';
import { splitName } from '../../sinks/postgres-plan.ts';
import { copyClient } from '../backfill/copy-out.ts';
import { eachCopied } from '../compare/copied-bytes.ts';
import { hangUp } from '../wal/own-pool.ts';
import { bucketDigits, BucketSums } from './bucket-sums.ts';
import type { RestingRow, RestingRows } from './resting-rows.ts';

interface MirrorColumn {
  readonly name: string;
  readonly kind: Kind;
  readonly text: string; // SQL for the one text of its value.
  readonly digits: string; // SQL for the digits of its hash, or for no digits.
}

/** The rows of a table as they rest in the mirror, all of one moment: hashed there, by the server's own MD5. */
export class MirrorRows implements RestingRows {
  readonly digest: RowDigest;
  readonly uncompared = [];
  readonly isStill = true;
  readonly #client: pg.Client;
  readonly #contract: TableContract;
  readonly #from: string;
  readonly #row: string;
  readonly #key: string;
  readonly #keyColumns: readonly MirrorColumn[];
  readonly #lanes: number;

  private constructor(
    client: pg.Client,
    contract: TableContract,
    columns: readonly MirrorColumn[],
    lanes: number,
  ) {
    this.#client = client;
    this.#contract = contract;
    this.#lanes = lanes;
    const byName = columns.toSorted((a, b) => inOrder(a.name, b.name));
    const inKey = byName.filter(({ name }) => contract.key.includes(name));
    this.#keyColumns = contract.key.flatMap(
      (name) => inKey.find((each) => each.name === name) ?? [],
    );
    this.digest = new RowDigest(
      columns.map(({ name }) => name),
      contract.key,
    );
    const digits = (of: readonly MirrorColumn[]) => of.map((column) => column.digits).join(' || ');
    this.#from = quotedTable(contract.table);
    this.#row = `md5(_position || ${digits(byName)})`;
    this.#key =
      inKey.length === 1 ? digits(inKey) : `left(md5(${digits(inKey) || '_position'}), 16)`;
  }

  /** Looks at a table of the mirror; what is written from now on is not seen. */
  static async open(url: string, contract: TableContract, lanes: number): Promise<MirrorRows> {
    const client = await copyClient(url);
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const columns = await columnsOf(client, contract);
      return new MirrorRows(client, contract, columns, lanes);
    } catch (error) {
      await hangUp(client);
      throw error;
    }
  }

  async applied(): Promise<readonly bigint[]> {
    const { table } = this.#contract;
    const { rows } = await this.#client.query<{ lane: number; at: string | null }>(
      `SELECT substr(stream, length($1) + 2)::int AS lane, to_jsonb(o) ->> 'record_offset' AS at
       FROM cdc_offsets o WHERE starts_with(stream, $1 || '/') AND substr(stream, length($1) + 2) ~ '^\\d+$'`,
      [table],
    );
    const applied = Array.from({ length: this.#lanes }, () => 0n);
    for (const { lane, at } of rows) {
      if (at === null) throw offsetless(table, lane);
      applied[lane] = BigInt(at) + 1n;
    }
    return applied;
  }

  readonly sums = async (): Promise<BucketSums> => {
    const { rows } = await this.#client.query<{ bucket: string; rows: string; sum: string }>(
      `SELECT left(${this.#key}, ${bucketDigits}) AS bucket, count(*) AS rows,
              sum(('x' || left(${this.#row}, 16))::bit(64)::bigint)::text AS sum
       FROM ${this.#from} GROUP BY 1`,
    );
    const sums = new BucketSums();
    for (const { bucket, rows: count, sum } of rows)
      sums.addMany(Number.parseInt(bucket, 16), Number(count), BigInt(sum));
    return sums;
  };

  async each(of: ReadonlySet<number> | null, take: (row: RestingRow) => void): Promise<void> {
    const wanted = of && [...of].map((bucket) => bucket.toString(16).padStart(bucketDigits, '0'));
    const where = wanted
      ? ` WHERE left(${this.#key}, ${bucketDigits}) = ANY ('{${wanted.join(',')}}')`
      : '';
    const bigint = (hex: string) => `('x' || left(${hex}, 16))::bit(64)::bigint`;
    const command = `COPY (SELECT ${bigint(this.#key)}, ${bigint(this.#row)}, _position
      FROM ${this.#from}${where}) TO STDOUT (FORMAT binary)`;
    await eachCopied(this.#client, command, positionAt + 1, (data, at) => take(rowAt(data, at)));
  }

  async some(): Promise<void> {
    throw new TypeError('the mirror is looked at as of one moment: nothing of it is asked twice');
  }

  async names(hashes: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
    const parts = this.#keyColumns.map(({ text }) => text);
    const { rows } = await this.#client.query<{ hash: string; parts: readonly string[] }>(
      `SELECT ${this.#key} AS hash, ARRAY[${parts.join(', ') || '_position'}]::text[] AS parts
       FROM ${this.#from} WHERE ${this.#key} = ANY ($1)`,
      [[...hashes]],
    );
    return new Map(rows.map((row) => [row.hash, this.#nameOf(row.parts)]));
  }

  #nameOf(parts: readonly string[]): string {
    if (this.#keyColumns.length === 0) return parts[0] ?? '';
    return keyText(
      Object.fromEntries(
        this.#keyColumns.map(({ name, kind }, at) => [name, valueOf(parts[at] ?? '', kind)]),
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return hangUp(this.#client);
  }
}

/** A value of a key as it travels: a number is one. */
function valueOf(text: string, kind: Kind): Value {
  if (kind === 'int' || kind === 'long') return BigInt(text);
  return kind === 'boolean' ? text === 'true' : text;
}

const positionAt = 30; // Two bytes of a count, twice twelve of a number, four of a length.

const rowAt = (data: Buffer, at: number): RestingRow => ({
  keyHigh: data.readInt32BE(at + 6),
  keyLow: data.readInt32BE(at + 10),
  high: data.readInt32BE(at + 18),
  low: data.readInt32BE(at + 22),
  position: data.toString('latin1', at + positionAt, at + positionAt + data.readInt32BE(at + 26)),
  name: null,
  fault: null,
});

/** The columns that are governed, each hashed by its name and the text that the source's server would print. */
async function columnsOf(
  client: pg.Client,
  contract: TableContract,
): Promise<readonly MirrorColumn[]> {
  const { rows } = await client.query<{
    name: string;
    type: string;
    printed: string;
    encoding: string;
  }>(
    `SELECT a.attname AS name, t.typname AS type, current_setting('server_encoding') AS encoding,
            CASE WHEN EXISTS (SELECT FROM pg_cast WHERE castsource = t.oid AND casttarget = 'text'::regtype AND castfunc <> 0)
                 THEN format('textin(%s(%I))', t.typoutput::regproc, a.attname) ELSE format('%I::text', a.attname) END AS printed
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
    [quotedTable(contract.table)],
  );
  const found = new Map(rows.map((row) => [row.name, row]));
  return governedColumns(contract).map(({ name, type }) => {
    const column = found.get(name);
    if (!column) throw absent(contract.table, found.size === 0 ? null : name);
    const text = textOf(column);
    const label = pg.escapeLiteral(labelOf(name));
    const inUtf8 = ['UTF8', 'SQL_ASCII'].includes(column.encoding);
    const hashed = inUtf8 ? `${label} || ${text}` : `convert_to(${label} || ${text}, 'UTF8')`;
    const digits = `coalesce(left(md5(${hashed}), 16), '')`;
    return { name, kind: kindOf(type), text, digits };
  });
}

/** SQL for the one text of a value (`digestText`). */
function textOf({ name, type, printed }: { name: string; type: string; printed: string }): string {
  const column = pg.escapeIdentifier(name);
  if (type === 'bool') return `${column}::text`;
  if (type !== 'float4' && type !== 'float8') return printed;
  // Zero has two signs, and they are equal; what is no number has many forms.
  return `CASE WHEN ${column} = 'NaN' THEN 'NaN' ELSE encode(float8send(${column}::float8 + 0), 'hex') END`;
}

const quotedTable = (table: string): string =>
  splitName(table)
    .map((part) => pg.escapeIdentifier(part))
    .join('.');

const absent = (table: string, column: string | null) =>
  new CannotRun({
    what: column
      ? `table ${table} of the mirror lacks the column ${column}`
      : `the mirror has no table ${table}`,
    where: 'sinks.postgres',
    fix: 'run conductor run deliver-postgres, which makes it from its contract',
  });

const offsetless = (table: string, lane: number) =>
  new CannotRun({
    what: `the mirror does not know up to which record lane ${lane} of table ${table} is applied: an older Conductor wrote it`,
    where: 'cdc_offsets.record_offset of sinks.postgres',
    fix: 'run conductor run deliver-postgres until that lane has had another change',
  });
