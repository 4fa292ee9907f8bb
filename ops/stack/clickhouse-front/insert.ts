import { createReadStream } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body } from './body.ts';
import type { Connection, Written } from './engine.ts';
import type { InsertHead } from './insert-head.ts';
import { quote } from './quote.ts';

interface Rows {
  readonly head: InsertHead;
  /** What the URL said; the data may begin in it, or after it. */
  readonly prefix: Buffer;
  readonly body: Body;
  /** A folder that the engine can read. */
  readonly spool: string;
}

// The engine takes these from a file, but not from memory: there it stumbles over their first line.
const onlyFromFiles: readonly string[] = ['JSON', 'JSONCompact', 'JSONColumnsWithMetadata'];
// From memory it takes others in pieces of a megabyte, cut at the ends of lines, which these have none of.
const binary =
  /^(RowBinary|Native|Parquet|Arrow|ORC|Avro|MsgPack|Protobuf|CapnProto|BSON|RawBLOB|Npy)/;
const mostInOnePiece = 512 * 1024;

/** Writes the rows of an INSERT, by way of memory or, where that will not do, of a file. */
export async function insertRows(connection: Connection, rows: Rows): Promise<Written> {
  const { head, prefix, body } = rows;
  if (body.file === null && head.place.kind === 'gap' && isForMemory(rows)) {
    const data = Buffer.concat([prefix, body.head]).subarray(head.dataStart);
    if (data.length > 0) return connection.insert(`${head.into} FORMAT ${head.format}`, data);
    // The engine refuses an insert without data; a server checks the table and writes nothing.
    return connection.insert(`${head.into} FORMAT JSONEachRow`, nothing);
  }
  const before = prefix.subarray(head.dataStart).toString('latin1').trim();
  const skip = Math.max(0, head.dataStart - prefix.length);
  if (body.file !== null && skip === 0 && before === '') {
    return connection.insert(fromFile(head, body.file), nothing);
  }
  const file = join(rows.spool, randomUUID());
  try {
    await writeFile(file, data(rows, skip), { mode: 0o600 });
    return await connection.insert(fromFile(head, file), nothing);
  } finally {
    await rm(file, { force: true });
  }
}

const isForMemory = ({ head: { format }, body }: Rows): boolean =>
  !onlyFromFiles.includes(format) && !(body.head.length > mostInOnePiece && binary.test(format));

const nothing = Buffer.from('\n');

function fromFile({ into, format, place }: InsertHead, file: string): string {
  const [before, after] = [into.slice(0, place.start), into.slice(place.end)];
  if (place.kind === 'input') return `${before}file(${quote(file)}, ${quote(format)}, ${after}`;
  return `${before} FROM INFILE ${quote(file)} COMPRESSION 'none'${after} FORMAT ${format}`;
}

async function* data({ head, prefix, body }: Rows, skip: number): AsyncGenerator<Buffer, void> {
  yield prefix.subarray(head.dataStart);
  if (body.file === null) yield body.head.subarray(skip);
  else yield* createReadStream(body.file, { start: skip });
}
