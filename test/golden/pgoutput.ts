/**
 * Builds pgoutput messages byte by byte, from the page of PostgreSQL's documentation that describes
 * them and from nothing of ours: https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 */
const int8 = (value: number) => Buffer.of(value);

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const letter = (text: string) => Buffer.from(text, 'latin1');
const string = (text: string) => Buffer.concat([Buffer.from(text), int8(0)]);

/** PostgreSQL's time: microseconds since 2000-01-01. */
const timestamp = (unixMicros: number) => int64(BigInt(unixMicros) - 946_684_800_000_000n);

/** A column as it stands in a tuple: null, `u` for unchanged, its text, or its bytes in binary form. */
export type Cell = null | { readonly unchanged: true } | string | Uint8Array;
export const u: Cell = { unchanged: true };

function cell(value: Cell): Buffer {
  if (value === null) return letter('n');
  if (value instanceof Uint8Array)
    return Buffer.concat([letter('b'), int32(value.length), Buffer.from(value)]);
  if (typeof value === 'object') return letter('u');
  const text = Buffer.from(value);
  return Buffer.concat([letter('t'), int32(text.length), text]);
}

export const tuple = (cells: readonly Cell[]) =>
  Buffer.concat([int16(cells.length), ...cells.map(cell)]);

export const begin = (lsn: bigint, committedAt: number, xid: number) =>
  Buffer.concat([letter('B'), int64(lsn), timestamp(committedAt), int32(xid)]);

export const commit = (lsn: bigint, end: bigint, committedAt: number) =>
  Buffer.concat([letter('C'), int8(0), int64(lsn), int64(end), timestamp(committedAt)]);

export interface ColumnForm {
  readonly name: string;
  readonly oid: number;
  readonly typmod?: number;
  readonly identity?: boolean;
}

export const relation = (
  oid: number,
  [schema, name]: readonly [schema: string, name: string],
  columns: readonly ColumnForm[],
  identity: 'd' | 'n' | 'f' | 'i' = 'd',
) =>
  Buffer.concat([
    letter('R'),
    int32(oid),
    string(schema),
    string(name),
    letter(identity),
    int16(columns.length),
    ...columns.flatMap((column) => [
      int8(column.identity ? 1 : 0),
      string(column.name),
      int32(column.oid),
      int32((column.typmod ?? -1) >>> 0),
    ]),
  ]);

export const insert = (oid: number, after: readonly Cell[]) =>
  Buffer.concat([letter('I'), int32(oid), letter('N'), tuple(after)]);

export type Old = readonly [form: 'K' | 'O', cells: readonly Cell[]];
const old = (before: Old | null) => (before ? [letter(before[0]), tuple(before[1])] : []);

export const update = (oid: number, before: Old | null, after: readonly Cell[]) =>
  Buffer.concat([letter('U'), int32(oid), ...old(before), letter('N'), tuple(after)]);

export const remove = (oid: number, before: Old) =>
  Buffer.concat([letter('D'), int32(oid), ...old(before)]);

export const truncate = (oids: readonly number[], options = 0) =>
  Buffer.concat([letter('T'), int32(oids.length), int8(options), ...oids.map(int32)]);

export const type = (oid: number, name: string, schema = 'public') =>
  Buffer.concat([letter('Y'), int32(oid), string(schema), string(name)]);

export const origin = (lsn: bigint, name: string) =>
  Buffer.concat([letter('O'), int64(lsn), string(name)]);

export const message = (
  lsn: bigint,
  prefix: string,
  content: string,
  kind: 'transactional' | 'at once' = 'at once',
) =>
  Buffer.concat([
    letter('M'),
    int8(kind === 'transactional' ? 1 : 0),
    int64(lsn),
    string(prefix),
    int32(Buffer.byteLength(content)),
    Buffer.from(content),
  ]);

/** I, U, D, T, R, Y and M in a streamed block: their transaction stands right after their letter. */
export const streamed = (xid: number, whole: Buffer) =>
  Buffer.concat([whole.subarray(0, 1), int32(xid), whole.subarray(1)]);

export const streamStart = (xid: number, first: boolean) =>
  Buffer.concat([letter('S'), int32(xid), int8(first ? 1 : 0)]);

export const streamStop = () => letter('E');

export const streamCommit = (xid: number, lsn: bigint, end: bigint, committedAt: number) =>
  Buffer.concat([letter('c'), int32(xid), int8(0), int64(lsn), int64(end), timestamp(committedAt)]);

/** Only a parallel stream, of protocol 4, says where and when. */
export const streamAbort = (
  xid: number,
  subxid: number,
  parallel: { readonly lsn: bigint; readonly at: number } | null = null,
) =>
  Buffer.concat([
    letter('A'),
    int32(xid),
    int32(subxid),
    ...(parallel ? [int64(parallel.lsn), timestamp(parallel.at)] : []),
  ]);

interface Prepared {
  readonly xid: number;
  readonly lsn: bigint;
  readonly end: bigint;
  readonly at: number;
}

const preparedFields = ({ xid, lsn, end, at }: Prepared) => [
  int64(lsn),
  int64(end),
  timestamp(at),
  int32(xid),
  string(`gid of ${xid}`),
];

export const beginPrepare = (prepared: Prepared) =>
  Buffer.concat([letter('b'), ...preparedFields(prepared)]);

export const prepare = (prepared: Prepared) =>
  Buffer.concat([letter('P'), int8(0), ...preparedFields(prepared)]);

export const streamPrepare = (prepared: Prepared) =>
  Buffer.concat([letter('p'), int8(0), ...preparedFields(prepared)]);

/** `lsn`, `end` and `at` are those of the COMMIT PREPARED. */
export const commitPrepared = (committed: Prepared) =>
  Buffer.concat([letter('K'), int8(0), ...preparedFields(committed)]);

export const rollbackPrepared = ({ xid, end, at }: Prepared, rolledBackEnd: bigint) =>
  Buffer.concat([
    letter('r'),
    int8(0),
    int64(end),
    int64(rolledBackEnd),
    timestamp(at),
    timestamp(at + 1),
    int32(xid),
    string(`gid of ${xid}`),
  ]);

/** Types by name, as pg_type numbers them. */
export const oids = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  float4: 700,
  float8: 701,
  varchar: 1043,
  timestamptz: 1184,
  numeric: 1700,
} as const;
