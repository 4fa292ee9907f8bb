import { finished } from 'node:stream/promises';
import { sql, type SQLQuery } from '@databases/pg';
import pg from 'pg';
import { from } from 'pg-copy-streams';
import { sqlName } from '../contracts/sql-name.ts';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { CopyRows } from './postgres-copy-rows.ts';
import { type MirrorTable, typeOfColumn } from './postgres-tables.ts';
import { longestIdleMs } from './postgres-server.ts';
import { type Asking, upsertInto } from './postgres-write.ts';

const mostConnections = 4;
const mostStaging = 64; // Tables of a connection: a commit of any empties all.
const longestLifeS = 3_600; // Of a connection: what it has made is never frozen, and holds the server's oldest row back.
const messageBytes = 256 * 1024;

/** Temporary tables of a connection, by the table and the columns that are copied into them. */
type Staging = ReadonlyMap<string, SQLQuery>;

/** Connections to the mirror that rows are copied over, each with temporary tables of its own. */
export class CopyPool {
  readonly #pool: pg.Pool;
  readonly #begin: string;
  readonly #staging = new WeakMap<pg.ClientBase, Staging>();

  constructor(login: pg.ClientConfig, idleMs = longestIdleMs) {
    this.#begin = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${idleMs}`;
    this.#pool = new pg.Pool({
      ...login,
      application_name: 'conductor',
      max: mostConnections,
      maxLifetimeSeconds: longestLifeS,
    });
    this.#pool.on('error', () => {}); // An idle connection that breaks is replaced;
    this.#pool.on('connect', (client) => void client.on('error', () => {})); // a busy one rejects its query.
  }

  /** Does the work in one transaction. */
  async transact(work: (tx: CopyTransaction) => Promise<void>): Promise<void> {
    const client = await this.#pool.connect();
    try {
      const known = await this.#stagingOf(client);
      await client.query(this.#begin);
      const tx = new CopyTransaction(client, known);
      await work(tx);
      failpoint('writing');
      await client.query('COMMIT');
      this.#staging.set(client, tx.staging);
      client.release();
    } catch (error) {
      await client.query('ROLLBACK').then(
        () => client.release(),
        () => client.release(true),
      );
      throw error;
    }
  }

  /** Forms come and go: now and then a connection begins anew. */
  async #stagingOf(client: pg.ClientBase): Promise<Staging> {
    const known = this.#staging.get(client) ?? new Map();
    if (known.size < mostStaging) return known;
    await client.query('DISCARD TEMP');
    this.#staging.delete(client);
    return new Map();
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

/** A transaction in which rows are copied. */
export class CopyTransaction implements Asking {
  readonly staging: Map<string, SQLQuery>;
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase, staging: Staging) {
    this.#client = client;
    this.staging = new Map(staging);
  }

  async query(query: SQLQuery) {
    const { rows } = await this.#client.query(query.format(format));
    return rows;
  }

  /** Copies rows beside their table, and from there into it where they are newer than what is there and `floor`. */
  async copy(
    table: MirrorTable,
    rows: CopyRows,
    { floor, meanwhile }: { readonly floor: string; readonly meanwhile: () => void },
  ): Promise<void> {
    const staging = await this.#stagingFor(table, rows);
    const { text } = sql`COPY ${staging} FROM STDIN (FORMAT binary)`.format(format);
    const stream = this.#client.query(from(text));
    const done = finished(stream);
    const bytes = rows.take();
    for (let at = 0; at < bytes.length; at += messageBytes)
      stream.write(bytes.subarray(at, at + messageBytes));
    stream.end();
    await done;

    const { columns } = rows.writer;
    const values = columns.map(({ name, isCast }) =>
      isCast ? sql`i.${sqlName(name)}::${typeOfColumn(table, name)}` : sql`i.${sqlName(name)}`,
    );
    const newer = floor === '' ? sql`` : sql`WHERE i._position > ${floor}::text`;
    setImmediate(meanwhile); // While the server moves these rows, which takes it longest.
    await this.query(
      upsertInto(
        table,
        columns.map(({ name }) => name),
        sql`SELECT ${sql.join(values, ', ')}, i._position FROM ${staging} i ${newer}`,
      ),
    );
  }

  async #stagingFor({ name }: MirrorTable, { writer }: CopyRows): Promise<SQLQuery> {
    const id = JSON.stringify([name, writer.columns]);
    const known = this.staging.get(id);
    if (known) return known;
    const ident = sqlName('pg_temp', `conductor_staging_${this.staging.size}`);
    const columns = writer.columns.map(
      ({ name: column, staged }) => sql`${sqlName(column)} ${sql.__dangerous__rawValue(staged)}`,
    );
    await this.query(sql`CREATE TEMPORARY TABLE ${ident} (
      _position TEXT COLLATE "C", ${sql.join(columns, ', ')}) ON COMMIT DELETE ROWS`);
    this.staging.set(id, ident);
    return ident;
  }
}

const format = {
  escapeIdentifier: (name: string) => `"${name.replaceAll('"', '""')}"`,
  formatValue: (value: unknown, index: number) => ({ placeholder: `$${index + 1}`, value }),
};
