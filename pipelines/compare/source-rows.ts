import type pg from 'pg';
import type { Described } from '../backfill/described.ts';
import { eachCopied } from './copied-bytes.ts';
import type { ComparedColumn } from './compared-column.ts';

/** A count, and a checksum that does not depend on the order. */
export interface Sums {
  readonly rows: number;
  readonly checksum: string;
}

/** A row as the server hashes it, and where it lies. */
export interface SourceRow {
  readonly key: bigint;
  readonly row: bigint;
  readonly wanted: boolean; // Whether the condition holds for it.
  readonly block: number;
  readonly part: number; // The OID of the table that it lies in.
}

/** The rows of a table as the server hashes them, within the snapshot that `client` has open. */
export class SourceRows {
  readonly #client: pg.Client;
  readonly #row: string;
  readonly #key: string;
  readonly #from: string;

  constructor(client: pg.Client, { from, filter }: Described, columns: readonly ComparedColumn[]) {
    this.#client = client;
    this.#row = folded(columns.map(({ hashSql }) => hashSql));
    this.#key = folded(columns.flatMap(({ inKey, hashSql }) => (inKey ? hashSql : [])));
    this.#from = `FROM ${from}${filter ? ` WHERE (${filter})` : ''}`;
  }

  async sums(): Promise<Sums> {
    const { rows } = await this.#client.query<{ rows: string; checksum: string }>(
      `SELECT count(*) AS rows, coalesce(sum(${this.#row}), 0)::text AS checksum ${this.#from}`,
    );
    const [row] = rows;
    return { rows: Number(row?.rows ?? 0), checksum: row?.checksum ?? '0' };
  }

  /** SQL that is true of the rows whose keys have these hashes. */
  ofKeys(keys: readonly bigint[]): string {
    return `${this.#key} = ANY ('{${keys.join(',')}}'::bigint[])`;
  }

  async each(condition: string | null, take: (row: SourceRow) => void): Promise<void> {
    const wanted = condition === null ? 'true' : `coalesce((${condition}\n), false)`;
    const place = '(ctid::text::point)[0]::bigint, tableoid::bigint';
    const command = `COPY (SELECT ${this.#key}, ${this.#row}, ${wanted}, ${place} ${this.#from}) TO STDOUT (FORMAT binary)`;
    await eachCopied(this.#client, command, rowBytes, (data, at) => take(rowAt(data, at)));
  }
}

const rowBytes = 55;

/** Of each column four bytes are its length. */
const rowAt = (data: Buffer, at: number): SourceRow => ({
  key: data.readBigInt64BE(at + 6),
  row: data.readBigInt64BE(at + 18),
  wanted: data[at + 30] === 1,
  block: Number(data.readBigInt64BE(at + 35)),
  part: Number(data.readBigInt64BE(at + 47)),
});

/** Of a row's columns: laid over each other, and hashed again, so that no two columns can trade places. */
const folded = (hashes: readonly string[]): string =>
  `hashtextextended((${hashes.join(' # ')})::text COLLATE "C", 0)`;
