import type { Type } from 'avsc';
import type { Change, Governed } from './change.ts';
import { type AvroColumn, ops } from './avro.ts';
import { readRecord } from './avro-reader.ts';
import { writeKey, writeRow, writeText } from './avro-writer.ts';
import { Bytes } from './bytes.ts';
import { Refusal } from './refusal.ts';
import type { Key, Row } from './value.ts';

/** A schema that the registry knows, ready to write and read with. */
export interface Registered {
  readonly id: number;
  readonly type: Type;
}

/** The id before the value, as every Confluent-compatible client writes it; null if it is not there. */
export function schemaIdOf(value: Uint8Array): number | null {
  if (value.length < 5 || value[0] !== 0) return null;
  const high = ((value[1] ?? 0) << 24) | ((value[2] ?? 0) << 16);
  return high | ((value[3] ?? 0) << 8) | (value[4] ?? 0);
}

export function encodeChange(schema: Registered, columns: Columns, change: Change): Buffer {
  const out = begun(schema, columns, change);
  if (change.sealed) {
    out.byte(present);
    out.sized(Buffer.from(change.sealed), 0, change.sealed.length);
  } else out.byte(absent);
  return Buffer.from(out.view());
}

export function encodeGoverned(schema: Registered, columns: Columns, change: Governed): Buffer {
  const out = begun(schema, columns, change);
  writeText(change.provenance, out);
  writeText(change.policy, out);
  return Buffer.from(out.view());
}

/** What a topic adds to what its values say. */
interface Where {
  readonly table: string;
  readonly lane: number;
}

export function decodeChange(type: Type, value: Buffer, where: Where): Change {
  const record = body(type, value) as WireChange;
  return { ...fromWire(record, where), sealed: record.sealed };
}

export function decodeGoverned(type: Type, value: Buffer, where: Where): Governed {
  const record = body(type, value) as WireGoverned;
  const { provenance, policy } = record;
  return { ...fromWire(record, where), provenance, policy };
}

/** The columns of a table in the form of its schema. */
export interface Columns {
  readonly key: readonly AvroColumn[];
  readonly row: readonly AvroColumn[];
}

interface Wire {
  readonly system: string;
  readonly log: string;
  readonly timeline: number;
  readonly lsn: bigint;
  readonly seq: number;
  readonly part: number;
  readonly op: Change['op'];
  readonly transaction: bigint;
  readonly committedAt: bigint;
  readonly watermark: bigint;
  readonly key: Key | null;
  readonly before: Row | null;
  readonly after: Row | null;
}
type WireChange = Wire & { readonly sealed: Buffer | null };
type WireGoverned = Wire & { readonly provenance: string; readonly policy: string };

const scratch = new Bytes(4_096);
const absent = 0;
const present = 2; // The second branch of a union, in Avro's zigzag.

/** Writes what all changes have, in the order of their schemas. */
function begun({ id }: Registered, columns: Columns, change: Change | Governed): Bytes {
  const { position, key, before, after } = change;
  const out = scratch;
  out.clear();
  out.room(5);
  out.byte(0);
  out.at = out.data.writeInt32BE(id, out.at);
  writeText(change.system, out);
  writeText(change.log, out);
  out.zigzag(position.timeline);
  out.zigzagBig(position.lsn);
  out.zigzag(position.seq);
  out.zigzag(position.part);
  out.zigzag(ops.indexOf(change.op));
  out.zigzag(change.transaction);
  out.zigzag(change.committedAt);
  out.zigzag(change.watermark);
  out.byte(key ? present : absent);
  if (key) writeKey(columns.key, key, out);
  for (const image of [before, after]) {
    out.byte(image ? present : absent);
    if (image) writeRow(columns.row, image, out);
  }
  return out;
}

function fromWire(wire: Wire, { table, lane }: Where) {
  const { system, log, timeline, lsn, seq, part, op } = wire;
  return {
    system,
    log,
    position: { timeline, lsn, seq, part },
    table,
    op,
    lane,
    transaction: Number(wire.transaction),
    committedAt: Number(wire.committedAt),
    watermark: Number(wire.watermark),
    key: wire.key,
    before: wire.before,
    after: wire.after,
  };
}

/** A value as every Confluent-compatible client writes it: a zero, the id of its schema, the Avro. */
export function frame({ id, type }: Registered, record: object): Buffer {
  const encoded: Buffer = type.toBuffer(record);
  const framed = Buffer.allocUnsafe(encoded.length + 5);
  framed[0] = 0;
  framed.writeInt32BE(id, 1);
  encoded.copy(framed, 5);
  return framed;
}

function body(type: Type, value: Buffer): unknown {
  try {
    return readRecord(type, value, 5);
  } catch (cause) {
    throw new Refusal('undecodable', `a value does not fit its registered schema`, { cause });
  }
}
