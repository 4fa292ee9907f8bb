import pg from 'pg';
import type { Described } from '../backfill/described.ts';
import { copyOut } from '../backfill/copy-out.ts';
import { Frames } from '../wal/frames.ts';
import type { ComparedColumn } from './compared-column.ts';

/** A count, and a checksum that does not depend on the order. */
export interface Sums {
  readonly rows: number;
  readonly checksum: string;
}

/** The rows of a table as the server hashes them, within the snapshot that `client` has open. */
export class SourceRows {
  readonly #client: pg.Client;
  readonly #row: string;
  readonly #key: string;
  readonly #from: string;

  constructor(client: pg.Client, { relation, filter }: Described, columns: readonly ComparedColumn[]) {
    this.#client = client;
    this.#row = folded(columns.map(({ hashSql }) => hashSql));
    this.#key = folded(columns.flatMap(({ inKey, hashSql }) => (inKey ? hashSql : [])));
    const table = `${pg.escapeIdentifier(relation.schema)}.${pg.escapeIdentifier(relation.name)}`;
    this.#from = `FROM ${table}${filter ? ` WHERE (${filter})` : ''}`;
  }

  async sums(): Promise<Sums> {
    const { rows } = await this.#client.query<{ rows: string; checksum: string }>(
      `SELECT count(*) AS rows, coalesce(sum(${this.#row}), 0)::text AS checksum ${this.#from}`,
    );
    const [row] = rows;
    return { rows: Number(row?.rows ?? 0), checksum: row?.checksum ?? '0' };
  }

  /** Of each row the hash of its key and that of the row, and whether the condition holds for it. */
  async each(
    condition: string | null,
    take: (key: bigint, row: bigint, wanted: boolean) => void,
  ): Promise<void> {
    const wanted = condition === null ? 'true' : `coalesce((${condition}\n), false)`;
    const command = `COPY (SELECT ${this.#key}, ${this.#row}, ${wanted} ${this.#from}) TO STDOUT (FORMAT binary)`;
    const frames = new Frames();
    let begun = false;
    for await (const { chunks } of copyOut(this.#client, command))
      for (const chunk of chunks) {
        frames.feed(chunk);
        while (frames.next()) {
          if (frames.kind !== 0x64) continue;
          const at = begun ? frames.start : frames.start + 19; // The signature and two words.
          begun = true;
          if (frames.end - at < 31) continue; // The end.
          const { data } = frames;
          take(data.readBigInt64BE(at + 6), data.readBigInt64BE(at + 18), data[at + 30] === 1);
        }
      }
  }
}

/** Of a row's columns: laid over each other, and hashed again, so that no two columns can trade places. */
const folded = (hashes: readonly string[]): string =>
  `hashtextextended((${hashes.join(' # ')})::text COLLATE "C", 0)`;
