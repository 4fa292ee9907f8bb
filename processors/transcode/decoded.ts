import { Bytes } from '../../schemas/bytes.ts';
import type { Decoded, Op } from '../../schemas/change.ts';
import { unchanged, type Row, type Unchanged, type Value } from '../../schemas/value.ts';
import type { Column, Image } from './columns.ts';
import type { Head } from './head.ts';

const scratch = new Bytes(1_024);

/** A change with a value per column, as its letter keeps it. For what is refused: the way of the others has no such thing. */
export function decodedOf(
  { table, columns, key }: Told,
  op: Op,
  before: Image | null,
  after: Image | null,
  { system, log, timeline, lsn, transaction, committedAt, watermark }: Head,
  seq: number,
  part: number,
): Decoded {
  const old = before && rowOf(columns, before);
  const row = after && rowOf(columns, after);
  return {
    system,
    log,
    position: { timeline, lsn, seq, part },
    table,
    op,
    lane: 0,
    transaction,
    committedAt,
    watermark,
    key: keyOf(key, row ?? old),
    before: old,
    after: row,
  };
}

/** What is known of the table: its columns as the server names them, its key as the contract does. */
export interface Told {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
}

function rowOf(columns: readonly Column[], image: Image): Row {
  const row: Record<string, Value | Unchanged> = {};
  for (const column of columns)
    if (column.isTold(image)) row[column.avro.name] = column.value(image.tuple, scratch);
  return row;
}

function keyOf(columns: readonly string[], row: Row | null): Decoded['key'] {
  if (columns.length === 0 || !row) return null;
  const key: Record<string, Value> = {};
  for (const column of columns) {
    const value = row[column];
    if (value === undefined || value === unchanged) return null;
    key[column] = value;
  }
  return key;
}
