import type { Type } from 'avsc';
import type { Change, Governed } from './change.ts';
import { avroName, columnName, type Kind } from './avro.ts';
import { Refusal } from './refusal.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from './value.ts';

/** A schema that the registry knows, ready to write and read with. */
export interface Registered {
  readonly id: number;
  readonly type: Type;
}

/** The id before the value, as every Confluent-compatible client writes it; null if it is not there. */
export function schemaIdOf(value: Uint8Array): number | null {
  if (value.length < 5 || value[0] !== 0) return null;
  return new DataView(value.buffer, value.byteOffset).getInt32(1);
}

export const encodeChange = (schema: Registered, columns: Columns, change: Change): Buffer =>
  frame(schema, {
    ...identityOf(change),
    ...imagesOf(columns, change),
    sealed: change.sealed && Buffer.from(change.sealed),
  });

export const encodeGoverned = (schema: Registered, columns: Columns, change: Governed): Buffer =>
  frame(schema, {
    ...identityOf(change),
    ...imagesOf(columns, change),
    provenance: change.provenance,
    policy: change.policy,
  });

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
  readonly key: readonly Column[];
  readonly row: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly kind: Kind;
}

type WireRow = Readonly<Record<string, Value | Unchanged>>;

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
  readonly key: WireRow | null;
  readonly before: WireRow | null;
  readonly after: WireRow | null;
}
type WireChange = Wire & { readonly sealed: Buffer | null };
type WireGoverned = Wire & { readonly provenance: string; readonly policy: string };

const identityOf = (change: Change | Governed) => ({
  system: change.system,
  log: change.log,
  ...change.position,
  op: change.op,
  transaction: BigInt(change.transaction),
  committedAt: BigInt(change.committedAt),
  watermark: BigInt(change.watermark),
});

const imagesOf = ({ key, row }: Columns, change: Change | Governed) => ({
  key: change.key && toWire(key, change.key),
  before: change.before && toWire(row, change.before),
  after: change.after && toWire(row, change.after),
});

/** Columns that a row leaves out are as if the source had not sent them. */
function toWire(columns: readonly Column[], row: Row): WireRow {
  const wire: Record<string, Value | Unchanged> = {};
  for (const { name, kind } of columns) {
    const value = row[name];
    wire[avroName(name)] = value === undefined ? unchanged : exact(name, kind, value);
  }
  return wire;
}

function exact(column: string, kind: Kind, value: Value | Unchanged): Value | Unchanged {
  if (value === null || value === unchanged) return value;
  if (kind === 'string') return typeof value === 'string' ? value : `${value}`;
  if (kind === 'long' && (typeof value === 'number' || typeof value === 'bigint'))
    return BigInt(value);
  if (kind === 'int' && typeof value === 'number' && Number.isInteger(value)) return value;
  if (kind === 'double' && typeof value === 'number') return value;
  if (kind === 'boolean' && typeof value === 'boolean') return value;
  throw new Refusal(
    'undecodable',
    `column ${column} is declared as ${kind}, but the source sends a ${typeof value}: correct its physicalType in the contract`,
  );
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
    key: wire.key && (toRow(wire.key) as Key),
    before: wire.before && toRow(wire.before),
    after: wire.after && toRow(wire.after),
  };
}

function toRow(wire: WireRow): Row {
  const row: Record<string, Value | Unchanged> = {};
  for (const name of Object.keys(wire)) row[columnName(name)] = wire[name] ?? null;
  return row;
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
    return type.fromBuffer(value.subarray(5));
  } catch (cause) {
    throw new Refusal('undecodable', `a value does not fit its registered schema`, { cause });
  }
}
