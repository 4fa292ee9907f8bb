/**
 * The messages of pgoutput, protocols 1 to 4, but for those of rows, which are read where they lie:
 * https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 */
export type Message =
  | {
      readonly kind: 'begin';
      readonly lsn: bigint;
      readonly committedAt: number;
      readonly xid: number;
    }
  | { readonly kind: 'commit'; readonly end: bigint }
  | { readonly kind: 'origin'; readonly name: string }
  | { readonly kind: 'relation'; readonly relation: SentRelation }
  | { readonly kind: 'type'; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'truncate'; readonly oids: readonly number[] }
  | LogicalMessage
  | { readonly kind: 'stream-start'; readonly xid: number }
  | { readonly kind: 'stream-stop' }
  | ({ readonly kind: 'stream-commit' } & Committed)
  | { readonly kind: 'stream-abort'; readonly xid: number; readonly subxid: number }
  | ({ readonly kind: 'begin-prepare' } & Prepared)
  | { readonly kind: 'prepare' }
  | ({ readonly kind: 'stream-prepare' } & Prepared)
  | ({ readonly kind: 'commit-prepared' } & Committed)
  | { readonly kind: 'rollback-prepared'; readonly xid: number; readonly end: bigint };

interface Committed {
  readonly xid: number;
  readonly lsn: bigint;
  readonly end: bigint;
  readonly committedAt: number;
}

interface Prepared {
  readonly xid: number;
  readonly lsn: bigint; // Of the PREPARE: what must be kept until it is known what became of it.
  readonly end: bigint;
}

/** What `pg_logical_emit_message` wrote. */
export interface LogicalMessage {
  readonly kind: 'message';
  readonly transactional: boolean;
  readonly lsn: bigint;
  readonly prefix: string;
  readonly content: Buffer;
}

/** A table as pgoutput describes it, types by number. */
export interface SentRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly identity: string; // d, n, f or i.
  readonly columns: readonly SentColumn[];
}

interface SentColumn {
  readonly name: string;
  readonly oid: number;
  readonly typmod: number;
  readonly identity: boolean;
}

/** The kinds of messages by their first byte. */
export const kinds = {
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  relation: 0x52,
  type: 0x59,
  truncate: 0x54,
  message: 0x4d,
} as const;

/** Reads the message between `start` and `end`. Inside of a streamed block some carry a transaction first: it is skipped. */
export function readMessage(data: Buffer, start: number, streamed: boolean): Message {
  const kind = String.fromCharCode(data[start] ?? 0);
  const at = new Cursor(data, start + 1);
  if (streamed && 'RYTM'.includes(kind)) at.skip(4);
  switch (kind) {
    case 'B':
      return { kind: 'begin', lsn: at.uint64(), committedAt: at.timestamp(), xid: at.uint32() };
    case 'C':
      at.skip(9); // Flags and the commit LSN, known since the begin.
      return { kind: 'commit', end: at.uint64() };
    case 'O':
      at.skip(8);
      return { kind: 'origin', name: at.text() };
    case 'R':
      return { kind: 'relation', relation: readRelation(at) };
    case 'Y':
      return { kind: 'type', oid: at.uint32(), schema: at.text() || 'pg_catalog', name: at.text() };
    case 'T': {
      const count = at.uint32();
      at.skip(1);
      return { kind: 'truncate', oids: Array.from({ length: count }, () => at.uint32()) };
    }
    case 'M': {
      const transactional = (at.byte() & 1) === 1;
      const lsn = at.uint64();
      const prefix = at.text();
      return { kind: 'message', transactional, lsn, prefix, content: at.bytes(at.uint32()) };
    }
    default:
      return readStreamed(kind, at);
  }
}

/** What protocols 2 to 4 add: transactions that are sent before they end, and those in two phases. */
function readStreamed(kind: string, at: Cursor): Message {
  switch (kind) {
    case 'S':
      return { kind: 'stream-start', xid: at.uint32() };
    case 'E':
      return { kind: 'stream-stop' };
    case 'c': {
      const xid = at.uint32();
      at.skip(1);
      return { kind: 'stream-commit', xid, ...committed(at) };
    }
    case 'A':
      return { kind: 'stream-abort', xid: at.uint32(), subxid: at.uint32() };
    case 'b':
      return { kind: 'begin-prepare', ...prepared(at) };
    case 'P':
      return { kind: 'prepare' };
    case 'p':
      at.skip(1);
      return { kind: 'stream-prepare', ...prepared(at) };
    case 'K':
      at.skip(1);
      return { kind: 'commit-prepared', ...committed(at), xid: at.uint32() };
    case 'r': {
      at.skip(9); // Flags, and where the prepared one ended.
      const end = at.uint64();
      at.skip(16); // When it was prepared, and rolled back.
      return { kind: 'rollback-prepared', end, xid: at.uint32() };
    }
    default:
      throw new Error(
        `the server sent a pgoutput message ${JSON.stringify(kind)} that protocols 1 to 4 do not have`,
      );
  }
}

const committed = (at: Cursor) => ({
  lsn: at.uint64(),
  end: at.uint64(),
  committedAt: at.timestamp(),
});

function prepared(at: Cursor): Prepared {
  const lsn = at.uint64();
  const end = at.uint64();
  at.skip(8); // When.
  return { lsn, end, xid: at.uint32() };
}

function readRelation(at: Cursor): SentRelation {
  const oid = at.uint32();
  const schema = at.text() || 'pg_catalog';
  const name = at.text();
  const identity = String.fromCharCode(at.byte());
  const columns = Array.from({ length: at.uint16() }, () => ({
    identity: (at.byte() & 1) === 1,
    name: at.text(),
    oid: at.uint32(),
    typmod: at.int32(),
  }));
  return { oid, schema, name, identity, columns };
}

const epochMicros = 946_684_800_000_000; // 2000-01-01, where PostgreSQL's time begins.

class Cursor {
  readonly #data: Buffer;
  #at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.#at = at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  byte(): number {
    return this.#data.readUInt8(this.#at++);
  }

  uint16(): number {
    this.#at += 2;
    return this.#data.readUInt16BE(this.#at - 2);
  }

  uint32(): number {
    this.#at += 4;
    return this.#data.readUInt32BE(this.#at - 4);
  }

  int32(): number {
    return this.uint32() | 0;
  }

  uint64(): bigint {
    this.#at += 8;
    return this.#data.readBigUInt64BE(this.#at - 8);
  }

  /** Microseconds since 1970. */
  timestamp(): number {
    this.#at += 8;
    return Number(this.#data.readBigInt64BE(this.#at - 8)) + epochMicros;
  }

  text(): string {
    const end = this.#data.indexOf(0, this.#at);
    const text = this.#data.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  bytes(length: number): Buffer {
    this.#at += length;
    if (this.#at > this.#data.length)
      throw new RangeError('the server sent a message that is cut short');
    return this.#data.subarray(this.#at - length, this.#at);
  }
}
