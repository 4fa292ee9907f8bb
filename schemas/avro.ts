import avro from 'avsc';
import type { Op } from './change.ts';
import { unchanged } from './value.ts';

/** How a column's value is kept in Avro. What has no exact type there is the server's own text. */
export type Kind = 'int' | 'long' | 'boolean' | 'double' | 'string';

export interface AvroColumn {
  readonly name: string;
  readonly type: string; // As PostgreSQL names it, kept in the schema beside the kind.
  readonly kind: Kind;
}

interface Shape {
  readonly table: string;
  readonly key: readonly AvroColumn[];
  readonly row: readonly AvroColumn[];
}

const kinds: Readonly<Record<string, Kind>> = {
  smallint: 'int',
  int2: 'int',
  integer: 'int',
  int: 'int',
  int4: 'int',
  bigint: 'long',
  int8: 'long',
  boolean: 'boolean',
  bool: 'boolean',
  real: 'double',
  float4: 'double',
  'double precision': 'double',
  float8: 'double',
};

export const kindOf = (type: string): Kind => kinds[type.toLowerCase()] ?? 'string';

const micros = { type: 'long', logicalType: 'timestamp-micros' };
const ops: readonly Op[] = ['insert', 'update', 'delete', 'truncate'];

const identity = [
  { name: 'system', type: 'string' },
  { name: 'log', type: 'string' },
  { name: 'timeline', type: 'int' },
  { name: 'lsn', type: 'long' },
  { name: 'seq', type: 'int' },
  { name: 'part', type: 'int' },
  { name: 'op', type: { type: 'enum', name: 'Op', symbols: ops } },
  { name: 'transaction', type: 'long' },
  { name: 'committedAt', type: micros },
  { name: 'watermark', type: micros },
];

/** The schema of a table's changes as capture writes them. */
export const changeSchema = (shape: Shape) => ({
  ...record('Change', shape),
  fields: [...identity, ...images(shape), { name: 'sealed', type: ['null', 'bytes'] }],
});

/** The schema of a table's changes as govern releases them. */
export const governedSchema = (shape: Shape) => ({
  ...record('Governed', shape),
  fields: [
    ...identity,
    ...images(shape),
    { name: 'provenance', type: 'string' },
    { name: 'policy', type: 'string' },
  ],
});

const record = (name: string, { table }: Shape) => ({
  type: 'record',
  name,
  namespace: `conductor.${table.split('.').map(avroName).join('.')}`,
});

const images = ({ key, row }: Shape) => [
  { name: 'key', type: ['null', { type: 'record', name: 'Key', fields: key.map(keyField) }] },
  { name: 'before', type: ['null', { type: 'record', name: 'Row', fields: row.map(rowField) }] },
  { name: 'after', type: ['null', 'Row'] },
];

const keyField = ({ name, type, kind }: AvroColumn) => ({
  name: avroName(name),
  type: kind,
  pgType: type,
});

const rowField = ({ name, type, kind }: AvroColumn, index: number) => ({
  name: avroName(name),
  pgType: type,
  type: ['null', kind, index === 0 ? unchangedType : 'Unchanged'],
  default: null,
});

/** A record without fields, so that no reader can take it for a value. */
const unchangedType = { type: 'record', name: 'Unchanged', logicalType: 'unchanged', fields: [] };

/** An Avro name for any column name, from which `columnName` gives the column back. */
export function avroName(column: string): string {
  if (/^[A-Za-z_]\w*$/.test(column) && !column.startsWith('_x')) return column;
  return `_x${Buffer.from(column).toString('hex')}`;
}

export function columnName(name: string): string {
  return name.startsWith('_x') ? Buffer.from(name.slice(2), 'hex').toString() : name;
}

class UnchangedType extends avro.types.LogicalType {
  protected override _fromValue(): unknown {
    return unchanged;
  }
  protected override _toValue(value: unknown): unknown {
    return value === unchanged ? {} : undefined;
  }
  protected override _resolve(): undefined {
    return undefined;
  }
}

/** Reads every long as a BigInt: a bigint column outgrows a JavaScript number. */
const bigLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

/** What `avsc` needs to read and write our schemas. */
export const avroOptions = {
  logicalTypes: { unchanged: UnchangedType },
  typeHook: (schema: unknown) =>
    schema === 'long' || (isObject(schema) && schema['type'] === 'long') ? bigLong : undefined,
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
