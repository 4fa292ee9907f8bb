import { logicalTypes, typeHook } from './avro-types.ts';
import type { Op } from './change.ts';

/**
 * How a column's value is kept in Avro: as its own type where that holds it exactly. What has no exact
 * type there is the server's own text.
 */
export type Kind =
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'decimal';

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

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['smallint', 'int'],
  ['int2', 'int'],
  ['integer', 'int'],
  ['int', 'int'],
  ['int4', 'int'],
  ['bigint', 'long'],
  ['int8', 'long'],
  ['oid', 'long'],
  ['xid', 'long'],
  ['cid', 'long'],
  ['real', 'float'],
  ['float4', 'float'],
  ['double precision', 'double'],
  ['float8', 'double'],
  ['boolean', 'boolean'],
  ['bool', 'boolean'],
  ['bytea', 'bytes'],
  ['uuid', 'uuid'],
  ['date', 'date'],
  ['time', 'time'],
  ['time without time zone', 'time'],
  ['timestamp', 'timestamp'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamptz', 'timestamptz'],
  ['timestamp with time zone', 'timestamptz'],
]);

/** The kind that holds every value of a type, as PostgreSQL prints it or by its short name. */
export function kindOf(type: string): Kind {
  const written = type.trim().toLowerCase();
  const kind = kinds.get(written) ?? kinds.get(written.replace(/ ?\(\d\)/, ''));
  if (kind) return kind;
  return decimalOf(written) ? 'decimal' : 'string';
}

/** The digits of a numeric that Avro's decimal holds as it is: all that there are, and those after the point. */
export interface Decimal {
  readonly precision: number;
  readonly scale: number;
}

const mostDigits = 38; // As many as readers of Avro have room for.

/** How a numeric type is kept as a decimal; null for any other type, and for one that is too wide. */
export function decimalOf(type: string): Decimal | null {
  const [, digits, after = '0'] =
    /^(?:numeric|decimal) ?\( ?(\d+) ?(?:, ?(\d+) ?)?\)$/.exec(type.trim().toLowerCase()) ?? [];
  const precision = Number(digits ?? 0);
  const scale = Number(after);
  return precision >= 1 && precision <= mostDigits && scale <= precision
    ? { precision, scale }
    : null;
}

/** Kinds that do not hold all values of their type: 'infinity' and its like travel as text, in a branch of their own. */
export const hasEscape = (kind: Kind): boolean => escaping.has(kind);

/** What Avro writes for each branch of a column's union, before the value that some of them have. */
export const branchesOf = (kind: Kind) => (hasEscape(kind) ? escapingBranches : plainBranches);

const plainBranches = { null: 0, value: 2, text: 2, unchanged: 4 } as const;
const escapingBranches = { null: 0, value: 2, text: 4, unchanged: 6 } as const;

const escaping: ReadonlySet<Kind> = new Set([
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'decimal',
]);

const micros = { type: 'long', logicalType: 'timestamp-micros' };
/** What a change does, numbered as in its schema. */
export const ops: readonly Op[] = ['insert', 'update', 'delete', 'truncate'];

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

const keyField = (column: AvroColumn) => ({
  name: avroName(column.name),
  type: hasEscape(column.kind) ? [valueType(column), 'string'] : valueType(column),
  pgType: column.type,
});

/** The columns of a row, as the fields of a record. */
export const rowFields = (row: readonly AvroColumn[]) => row.map(rowField);

/** Null comes first, as what is absent reads; a column is unchanged by the last branch. */
const rowField = (column: AvroColumn, index: number) => ({
  name: avroName(column.name),
  pgType: column.type,
  type: [
    'null',
    valueType(column),
    ...(hasEscape(column.kind) ? ['string'] : []),
    index === 0 ? unchangedType : 'Unchanged',
  ],
  default: null,
});

/** Kinds that are a primitive of Avro with a meaning. */
const logical: Readonly<Partial<Record<Kind, object>>> = {
  uuid: { type: 'string', logicalType: 'uuid' },
  date: { type: 'int', logicalType: 'date' },
  time: { type: 'long', logicalType: 'time-micros' },
  timestamp: { type: 'long', logicalType: 'local-timestamp-micros' },
  timestamptz: { type: 'long', logicalType: 'timestamp-micros' },
};

function valueType({ name, type, kind }: AvroColumn): object | string {
  if (kind !== 'decimal') return logical[kind] ?? kind;
  const decimal = decimalOf(type);
  if (!decimal) throw new TypeError(`column ${name}: ${type} is not a decimal type`);
  return { type: 'bytes', logicalType: 'decimal', ...decimal };
}

/** A record without fields, so that no reader can take it for a value. */
const unchangedType = { type: 'record', name: 'Unchanged', logicalType: 'unchanged', fields: [] };

/** An Avro name for any column name, from which `columnName` gives the column back. No object of JavaScript has a `__proto__` of its own. */
export function avroName(column: string): string {
  if (/^(?!_x|__proto__$)[A-Za-z_]\w*$/.test(column)) return column;
  return `_x${Buffer.from(column).toString('hex')}`;
}

export function columnName(name: string): string {
  return name.startsWith('_x') ? Buffer.from(name.slice(2), 'hex').toString() : name;
}

/** What `avsc` needs to read and write our schemas. */
export const avroOptions = { logicalTypes, typeHook };
