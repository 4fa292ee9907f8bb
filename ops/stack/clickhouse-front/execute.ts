import { readFile } from 'node:fs/promises';
import type { Body } from './body.ts';
import type { Connection, Piece, Written } from './engine.ts';
import { Refused } from './errors.ts';
import { canStream } from './formats.ts';
import { insertRows } from './insert.ts';
import type { Question } from './question.ts';
import { quote, quoteName } from './quote.ts';
import { classify } from './statement.ts';

/** What came of a question: rows to send, or rows that were written. */
export type Outcome =
  | { readonly kind: 'written'; readonly written: Written }
  | {
      readonly kind: 'rows';
      readonly format: string;
      readonly pieces: AsyncIterable<Piece>;
      /** Whether `pieces` is the whole result at once. */
      readonly whole: boolean;
    };

/** Asks the engine; rows are fetched only as they are consumed. */
export async function execute(
  connection: Connection,
  question: Question,
  body: Body,
  spool: string,
): Promise<Outcome> {
  const prefix = question.query === '' ? '' : `${question.query}\n`;
  const text = Buffer.concat([Buffer.from(prefix), body.head]);
  const statement = classify(text);
  await prepare(connection, question);
  switch (statement.kind) {
    case 'empty':
      throw new Refused('SYNTAX_ERROR', 'Empty query');
    case 'several':
      throw new Refused('SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed)');
    case 'insert': {
      const rows = { head: statement.head, prefix: Buffer.from(prefix), body, spool };
      return { kind: 'written', written: await insertRows(connection, rows) };
    }
    case 'write': {
      const sql = await whole(statement.sql, prefix, body);
      // By way of an insert, because only that tells how many rows were written.
      if (/^\s*INSERT\b/i.test(sql)) {
        return { kind: 'written', written: await connection.insert(sql, Buffer.from('\n')) };
      }
      const format = question.defaultFormat;
      const piece = await connection.run(sql, format);
      return { kind: 'rows', format, pieces: only(piece), whole: true };
    }
    case 'read': {
      const sql = await whole(statement.sql, prefix, body);
      const format = statement.format ?? question.defaultFormat;
      if (canStream(format) && !question.wait) {
        return { kind: 'rows', format, pieces: connection.stream(sql, format), whole: false };
      }
      const piece = await connection.run(sql, format);
      return { kind: 'rows', format, pieces: only(piece), whole: true };
    }
  }
}

/** Settings and parameters live on the connection, which nobody else uses. */
async function prepare(
  connection: Connection,
  { database, settings, parameters, readOnly, session }: Question,
): Promise<void> {
  if (database !== null) await connection.run(`USE ${quoteName(database)}`, 'Null');
  const assignments = [
    ...Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`),
    ...Object.entries(parameters).map(([name, value]) => {
      if (!/^\w+$/.test(name)) throw new Refused('BAD_ARGUMENTS', `param_${name} is no parameter`);
      return `param_${name} = ${quote(value)}`;
    }),
    // Never on a session: the engine lets nobody take it back.
    ...(readOnly && !session && !('readonly' in settings) ? ['readonly = 2'] : []),
  ];
  if (assignments.length > 0) await connection.run(`SET ${assignments.join(', ')}`, 'Null');
}

async function whole(sql: string, prefix: string, body: Body): Promise<string> {
  if (body.file === null) return sql;
  const statement = classify(Buffer.from(prefix + (await readFile(body.file, 'utf8'))));
  return statement.kind === 'read' || statement.kind === 'write' ? statement.sql : sql;
}

async function* only(piece: Piece): AsyncGenerator<Piece, void> {
  yield piece;
}
