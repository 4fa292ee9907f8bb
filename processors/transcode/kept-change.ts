import type { Owner } from '../../contracts/keys/keyring.ts';
import { letterOwners, type OwnedRows } from '../../contracts/keys/owners.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Op } from '../../schemas/change.ts';
import type { Position } from '../../schemas/position.ts';
import { encodeValues } from '../../schemas/secret.ts';
import type { Column, Image } from './columns.ts';
import type { Head } from './head.ts';
import { RowOwner } from './row-owner.ts';

/** A change that can never pass: where it stood, and all of it as its letter keeps it. */
export interface KeptChange {
  readonly system: string;
  readonly log: string;
  readonly position: Position;
  readonly table: string;
  readonly owners: readonly Owner[]; // Whom it tells of: one, or two if it moved from one to the other.
  readonly payload: Buffer; // A `Decoded` as `encodeValues` would write it.
}

/** What is known of the table: its columns as the server names them, its key as the contract does. */
export interface Told {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  readonly contract: OwnedRows | null;
}

/**
 * Keeps a change that is refused. It may be so large that no value of it may become a string: what the
 * server sent is written as JSON column by column, once.
 */
export function keptChange(
  told: Told,
  op: Op,
  before: Image | null,
  after: Image | null,
  { system, log, timeline, lsn, transaction, committedAt, watermark }: Head,
  seq: number,
  part: number,
): KeptChange {
  const { table, columns } = told;
  const position = { timeline, lsn, seq, part };
  const identity = { system, log, position, table, op, lane: 0 };
  const known = { ...identity, transaction, committedAt, watermark };
  const sent = (before?.tuple.size ?? 0) + (after?.tuple.size ?? 0);
  const out = new Bytes(1_024 + sent + (sent >>> 4)); // Some of it must be escaped.
  write(out, encodeValues(known).slice(0, -1));
  write(out, ',"key":');
  writeImage(keyOf(told, after ?? before), after ?? before, out);
  write(out, ',"before":');
  writeImage(columns, before, out);
  write(out, ',"after":');
  writeImage(columns, after, out);
  write(out, '}');
  const owners = ownersOf(told, [before, after]);
  return { system, log, position, table, owners, payload: out.view() };
}

/** Whom the images belong to, as far as they tell it: subjects, or else tenants. */
function ownersOf(
  { contract, columns }: Told,
  images: readonly (Image | null)[],
): readonly Owner[] {
  if (!contract) return [];
  const rows = new RowOwner(contract, columns);
  return letterOwners(images.flatMap((image) => (image && rows.told(image)) ?? []));
}

/** The columns of the key, if the row tells them all. */
function keyOf({ columns, key }: Told, image: Image | null): readonly Column[] | null {
  if (key.length === 0 || !image) return null;
  const found = key.flatMap((name) => columns.find(({ avro }) => avro.name === name) ?? []);
  const isWhole = found.every((column) => column.tells(image));
  return isWhole && found.length === key.length ? found : null;
}

function writeImage(columns: readonly Column[] | null, image: Image | null, out: Bytes): void {
  if (!columns || !image) return write(out, 'null');
  let before = '{';
  for (const column of columns) {
    if (!column.isTold(image)) continue;
    write(out, `${before}${JSON.stringify(column.avro.name)}:`);
    column.json('secret', image.tuple, out);
    before = ',';
  }
  write(out, before === '{' ? '{}' : '}');
}

function write(out: Bytes, text: string): void {
  const bytes = Buffer.from(text);
  out.copy(bytes, 0, bytes.length);
}
