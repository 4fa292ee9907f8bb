import { randomBytes } from 'node:crypto';
import databases, { type ConnectionPool, sql, type Transaction } from '@databases/pg';
import { readMessage } from '../../pipelines/wal/pgoutput.ts';
import { Tuple } from '../../processors/transcode/tuple.ts';
import { typeText } from '../../schemas/pg-type.ts';
import { servers } from './servers.ts';
import { ownTypes } from './type-compounds.ts';

/** A column of a row as pgoutput sends it: where it lies, in both of its forms. */
export interface SentValue {
  readonly text: Buffer | null;
  readonly binary: Buffer | null;
}

/** A table as pgoutput sends it. */
export interface SentTable {
  readonly types: readonly string[]; // As `typeText` names them.
  readonly rows: readonly (readonly SentValue[])[];
}

/** Runs in a session that sends what capture's session is sent. */
export const asCaptured = <Result>(db: ConnectionPool, run: (tx: Transaction) => Promise<Result>) =>
  db.tx(async (tx) => {
    await tx.query([
      sql`SET LOCAL TIME ZONE 'UTC'`,
      sql`SET LOCAL datestyle = ISO`,
      sql`SET LOCAL intervalstyle = postgres`,
      sql`SET LOCAL extra_float_digits = 3`,
      sql`SET LOCAL bytea_output = hex`,
    ]);
    return run(tx);
  });

/** A text as the type's own input function reads it. */
export const literal = (text: string, type: string) =>
  sql.__dangerous__rawValue(`'${text.replaceAll("'", "''")}'::${type}`);

/** A database with types of its own, and a slot that is asked what it sends of a table. */
export async function typeDatabase() {
  const { postgres: server } = await servers();
  const name = `types_${randomBytes(6).toString('hex')}`;
  const admin = databases.default({ ...server, database: 'postgres', bigIntMode: 'string' });
  await admin.query(
    sql`CREATE DATABASE ${sql.ident(name)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
  );
  const db = databases.default({
    ...server,
    database: name,
    bigIntMode: 'string',
    onError: () => {},
  });
  for (const statement of ownTypes) await db.query(sql.__dangerous__rawValue(statement));
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.query(
        sql`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ${name}`,
      );
      await db.dispose();
      await admin.query(sql`DROP DATABASE ${sql.ident(name)} WITH (FORCE)`);
      await admin.dispose();
    },
    /** Fills a table, and reads from the slot what was sent of it. */
    async sent(
      columns: readonly string[],
      rows: readonly (readonly (string | null)[])[],
    ): Promise<SentTable> {
      const table = sql.ident(`t${randomBytes(4).toString('hex')}`);
      const declared = columns.map(
        (type, index) => sql`${sql.ident(`c${index}`)} ${sql.__dangerous__rawValue(type)}`,
      );
      await db.query([
        sql`CREATE TABLE ${table} (${sql.join(declared, ', ')})`,
        sql`ALTER TABLE ${table} REPLICA IDENTITY FULL`,
        sql`CREATE PUBLICATION ${table} FOR TABLE ${table}`,
      ]);
      await db.query(sql`SELECT pg_create_logical_replication_slot(${name}, 'pgoutput')`);
      for (const row of rows) {
        const values = row.map((text, index) =>
          text === null ? sql`NULL` : literal(text, columns[index]!),
        );
        await db.query(sql`INSERT INTO ${table} VALUES (${sql.join(values, ', ')})`);
      }
      const [{ name: publication } = { name: '' }] = (await db.query(
        sql`SELECT pubname AS name FROM pg_publication ORDER BY oid DESC LIMIT 1`,
      )) as readonly { readonly name: string }[];
      const peek = (binary: string) =>
        asCaptured(db, (tx) =>
          tx.query(sql`SELECT data FROM pg_logical_slot_peek_binary_changes(${name}, NULL, NULL,
            'proto_version', '1', 'publication_names', ${publication}, 'binary', ${binary})`),
        ) as Promise<readonly { readonly data: Buffer }[]>;
      const texts = tableOf((await peek('false')).map(({ data }) => data));
      const binaries = tableOf((await peek('true')).map(({ data }) => data));
      await db.query(sql`SELECT pg_drop_replication_slot(${name})`);
      return {
        types: texts.types,
        rows: texts.rows.map((row, at) =>
          row.map(({ text }, index) => ({
            text,
            binary: binaries.rows[at]?.[index]?.binary ?? null,
          })),
        ),
      };
    },
  };
}

function tableOf(messages: readonly Buffer[]): SentTable {
  const named = new Map<number, { readonly schema: string; readonly name: string }>();
  let types: readonly string[] = [];
  const rows: SentValue[][] = [];
  for (const data of messages) {
    if (data[0] === 0x49) {
      rows.push(rowOf(data));
      continue;
    }
    const message = readMessage(data, 0, false);
    if (message.kind === 'type') named.set(message.oid, message);
    if (message.kind === 'relation')
      types = message.relation.columns.map(({ oid, typmod }) => typeText(oid, typmod, named));
  }
  return { types, rows };
}

function rowOf(data: Buffer): SentValue[] {
  const tuple = new Tuple();
  tuple.fill(data, 6, data.length);
  return Array.from({ length: tuple.count }, (_, index) => {
    const length = tuple.lengths[index]!;
    const bytes =
      length < 0 ? null : data.subarray(tuple.starts[index]!, tuple.starts[index]! + length);
    return tuple.binary[index] ? { text: null, binary: bytes } : { text: bytes, binary: null };
  });
}
