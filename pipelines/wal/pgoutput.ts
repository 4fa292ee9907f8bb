import { unchanged, type Unchanged, type Value } from '../../schemas/value.ts';

/** A table as the server describes it before its first change, and again after each change of its form. */
export interface Relation {
  readonly table: string;
  readonly columns: readonly RelationColumn[];
}

interface RelationColumn {
  readonly name: string;
  readonly type: number; // OID
  readonly identity: boolean; // Sent with the old row.
}

export type Tuple = readonly (Value | Unchanged)[];

/** The old row as the table's replica identity sends it: whole, or only the identity's columns. */
export interface OldTuple {
  readonly whole: boolean;
  readonly values: Tuple;
}

/** The messages of pgoutput, protocol 1: https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html */
export type Message =
  | {
      readonly kind: 'begin';
      readonly lsn: bigint;
      readonly committedAt: number;
      readonly xid: number;
    }
  | { readonly kind: 'commit'; readonly end: bigint }
  | { readonly kind: 'insert'; readonly relation: Relation; readonly after: Tuple }
  | {
      readonly kind: 'update';
      readonly relation: Relation;
      readonly before: OldTuple | null;
      readonly after: Tuple;
    }
  | { readonly kind: 'delete'; readonly relation: Relation; readonly before: OldTuple }
  | { readonly kind: 'truncate'; readonly relations: readonly Relation[] }
  | { readonly kind: 'other' }; // A relation, a type, an origin, a logical message: nothing to carry.

/** Reads pgoutput messages, remembering the relations that they refer to. */
export class Pgoutput {
  readonly #relations = new Map<number, Relation>();

  read(data: Buffer): Message {
    const at = new Cursor(data);
    const kind = String.fromCharCode(at.byte());
    switch (kind) {
      case 'B':
        return { kind: 'begin', lsn: at.uint64(), committedAt: at.timestamp(), xid: at.uint32() };
      case 'C':
        at.skip(9); // Flags and the commit LSN, known since the begin.
        return { kind: 'commit', end: at.uint64() };
      case 'R':
        this.#learn(at);
        return { kind: 'other' };
      case 'I': {
        const relation = this.#relation(at.uint32());
        at.skip(1);
        return { kind: 'insert', relation, after: at.tuple(relation) };
      }
      case 'U':
        return this.#update(at);
      case 'D': {
        const relation = this.#relation(at.uint32());
        return { kind: 'delete', relation, before: at.oldTuple(relation, at.byte()) };
      }
      case 'T': {
        const count = at.uint32();
        at.skip(1);
        return {
          kind: 'truncate',
          relations: Array.from({ length: count }, () => this.#relation(at.uint32())),
        };
      }
      case 'Y':
      case 'O':
      case 'M':
        return { kind: 'other' };
      default:
        throw new Error(
          `the server sent a pgoutput message ${JSON.stringify(kind)} that protocol 1 does not have`,
        );
    }
  }

  #update(at: Cursor): Message {
    const relation = this.#relation(at.uint32());
    let tag = at.byte();
    let before: OldTuple | null = null;
    if (tag !== newTag) {
      before = at.oldTuple(relation, tag);
      tag = at.byte();
    }
    return {
      kind: 'update',
      relation,
      before,
      after: filled(relation, at.tuple(relation), before),
    };
  }

  #learn(at: Cursor): void {
    const oid = at.uint32();
    const schema = at.text() || 'pg_catalog';
    const table = `${schema}.${at.text()}`;
    at.skip(1);
    const columns = Array.from({ length: at.uint16() }, () => {
      const identity = (at.byte() & 1) === 1;
      const name = at.text();
      const type = at.uint32();
      at.skip(4);
      return { name, type, identity };
    });
    this.#relations.set(oid, { table, columns });
  }

  #relation(oid: number): Relation {
    const relation = this.#relations.get(oid);
    if (!relation)
      throw new Error(`the server sent a change of relation ${oid} before describing it`);
    return relation;
  }
}

const newTag = 'N'.charCodeAt(0);
const wholeTag = 'O'.charCodeAt(0);
const nullTag = 'n'.charCodeAt(0);
const unchangedTag = 'u'.charCodeAt(0);
const textTag = 't'.charCodeAt(0);
const epochMicros = 946_684_800_000_000; // 2000-01-01, where PostgreSQL's time begins.

/** The old row tells what an unchanged TOAST column still is, as far as it was sent. */
function filled({ columns }: Relation, after: Tuple, before: OldTuple | null): Tuple {
  if (!before || !after.includes(unchanged)) return after;
  return after.map((value, index) =>
    value === unchanged && (before.whole || columns[index]?.identity)
      ? (before.values[index] ?? null)
      : value,
  );
}

class Cursor {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
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

  oldTuple(relation: Relation, tag: number): OldTuple {
    return { whole: tag === wholeTag, values: this.tuple(relation) };
  }

  tuple({ columns, table }: Relation): Tuple {
    const count = this.uint16();
    const values: (Value | Unchanged)[] = [];
    for (let index = 0; index < count; index++) {
      const tag = this.byte();
      if (tag === nullTag) values.push(null);
      else if (tag === unchangedTag) values.push(unchanged);
      else if (tag === textTag) {
        const length = this.uint32();
        const start = this.#at;
        this.#at += length;
        if (this.#at > this.#data.length)
          throw new RangeError(`table ${table}: the server's message is cut short`);
        values.push(
          valueOf(columns[index]?.type ?? 0, this.#data.toString('utf8', start, this.#at)),
        );
      } else
        throw new Error(
          `table ${table}: the server sent a column in a form that was not asked for`,
        );
    }
    return values;
  }
}

/** Types that JavaScript has exactly; of all others the server's own text is kept. */
function valueOf(type: number, text: string): Value {
  switch (type) {
    case 16:
      return text === 't';
    case 20:
      return BigInt(text);
    case 21:
    case 23:
    case 700:
    case 701:
      return Number(text);
    default:
      return text;
  }
}
