import type { TableContract } from '../../contracts/contract.ts';
import { isConfidential } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Relation } from '../../schemas/relation.ts';
import { laneOfKey } from '../lane.ts';
import { type MakeToken, type TokenDomain, tokenDomain, type Tokeniser } from '../tokens.ts';
import { Column, type Image } from './columns.ts';
import type { Head } from './head.ts';
import type { LaneSlab } from './lane-slab.ts';
import type { Output } from './output.ts';
import { Secrets } from './secrets.ts';

/** What a table's encoder is compiled from, beside the table itself. */
export interface Encoding {
  readonly keyring: Keyring;
  readonly tokens: Tokeniser;
  readonly lanes: number;
  readonly anyBytes: boolean; // Text may be any bytes, which no reader could tell from others.
  readonly erased: () => void; // Told of each change that is withheld.
}

/** Where and in which form a table's changes are written. */
export interface Destination {
  readonly topic: string;
  readonly schema: number; // As the registry numbers it.
  readonly limitBytes: number; // Of one record.
}

/** A set of keys, each as the text that it has in Kafka. */
interface Keys {
  has(key: string): boolean;
}

interface KeyColumn {
  readonly column: Column;
  readonly name: Buffer; // As JSON, with what stands before it.
  readonly domain: TokenDomain | null; // Of a confidential column, which becomes a token.
}

const opNumbers: Readonly<Record<Op, number>> = { insert: 0, update: 1, delete: 2, truncate: 3 };
const absent = 0;
const present = 2; // The second branch of a union, in Avro's zigzag.

/**
 * The way of one table's rows from the server's bytes to Kafka's, compiled for one form of the table.
 * No column becomes an object on the way, and no row does.
 */
export class TableEncoder {
  readonly relation: Relation;
  readonly columns: readonly Column[];
  readonly key: readonly Column[]; // The columns that make the key.
  readonly #contract: TableContract;
  readonly #encoding: Encoding;
  readonly #limitBytes: number;
  readonly #slabs: readonly LaneSlab[];
  readonly #output: Output;
  readonly #start: Buffer; // The zero and the schema's number.
  readonly #key: readonly (KeyColumn & { readonly token: MakeToken | null })[];
  readonly #keyIsWhole: boolean; // Whether the table still has every column of the key.
  readonly #keyIsTold: boolean; // Whether an update tells that it changed the key.
  readonly #row: readonly Column[];
  readonly #secrets: Secrets;
  readonly #value = new Bytes(1_024);
  #head: Head | null = null; // Whose beginning `#value` has.
  readonly #keyText = new Bytes(256);
  readonly #scratch = new Bytes(256);

  constructor(
    relation: Relation,
    contract: TableContract,
    { topic, schema, limitBytes }: Destination,
    encoding: Encoding,
    output: Output,
  ) {
    this.relation = relation;
    this.#contract = contract;
    this.#encoding = encoding;
    this.#limitBytes = limitBytes;
    this.#output = output;
    this.#slabs = output.lanes(topic, encoding.lanes);
    this.#start = Buffer.alloc(5);
    this.#start.writeInt32BE(schema, 1);
    this.columns = relation.columns.map((column, index) => new Column(index, column));
    this.#row = rowColumns(contract, this.columns);
    this.#key = keyColumns(contract, this.columns).map((each) => ({
      ...each,
      token: each.domain && encoding.tokens(each.domain),
    }));
    this.key = this.#key.map(({ column }) => column);
    this.#keyIsWhole = this.#key.length === contract.key.length;
    this.#keyIsTold = this.key.every(({ inIdentity }) => inIdentity);
    this.#secrets = new Secrets(contract, this.columns, encoding.keyring);
  }

  /**
   * Writes a change; false if it is withheld, for its subject was erased. Throws a `Refusal` if it can
   * never pass, and nothing of it is left behind.
   */
  write(
    op: Op,
    before: Image | null,
    after: Image | null,
    head: Head,
    seq: number,
    part: number,
  ): boolean {
    const image = after ?? before;
    this.checkSize((before?.tuple.size ?? 0) + (after?.tuple.size ?? 0));
    if (this.#encoding.anyBytes) for (const each of [before, after]) this.#checkText(each);
    const hasKey = image !== null && this.#writeKeyText(image);
    if (image && !hasKey && this.#contract.key.length > 0) throw noKey(this.#contract);
    if (op === 'update' && !this.#keyIsTold && !before?.whole) throw noKey(this.#contract);
    const sealed = this.#secrets.seal(op, before, after, head, seq, part);
    if (sealed === 'erased') {
      this.#encoding.erased();
      return false;
    }

    const out = this.#value;
    this.#writeStart(op, head, seq, part);
    if (image && hasKey) this.#writeKey(image, out);
    else out.byte(absent);
    this.#writeRow(before, out);
    this.#writeRow(after, out);
    if (sealed === 'sealed') {
      const { box } = this.#secrets;
      out.byte(present);
      out.addSized(box);
    } else out.byte(absent);
    const size = out.at + (hasKey ? this.#keyText.at : 0);
    if (size > this.#limitBytes) throw tooLarge(this.#contract, size);
    this.#send(hasKey ? this.#keyText : null, this.#laneOf(hasKey, head, seq, part));
    return true;
  }

  /** Writes a row that was copied, unless its key was changed since; without a key, unless all were. */
  writeUnless(touched: Keys | null, image: Image, head: Head, seq: number, part: number): void {
    if (touched?.has(this.#writeKeyText(image) ? this.lastKey : '')) return;
    this.write('insert', null, image, head, seq, part);
  }

  /** Tells every lane of a truncate, so that it stays in order with each key's changes. */
  truncate(head: Head, seq: number, firstPart: number): void {
    for (let lane = 0; lane < this.#slabs.length; lane++) {
      this.#writeStart('truncate', head, seq, firstPart + lane);
      for (let image = 0; image < 4; image++) this.#value.byte(absent);
      this.#send(null, lane);
    }
  }

  /** The text of the key that was written last: what a copy of the table compares. */
  get lastKey(): string {
    return this.#keyText.view().toString('latin1');
  }

  /** A row that is far too large is not even encoded. As hex, bytes take twice what they take in Avro. */
  checkSize(size: number): void {
    if (size > 2 * this.#limitBytes + 4_096) throw tooLarge(this.#contract, size);
  }

  #checkText(image: Image | null): void {
    if (!image) return;
    for (const column of this.columns)
      if (!column.isUtf8(image.tuple)) throw notUtf8(this.#contract, column);
  }

  #writeStart(op: Op, head: Head, seq: number, part: number): void {
    const out = this.#value;
    if (head !== this.#head) this.#begin(head);
    out.clear(this.#start.length + head.before.at);
    out.zigzag(seq);
    out.zigzag(part);
    out.zigzag(opNumbers[op]);
    out.add(head.after);
  }

  /** Writes what all changes of a transaction begin with: it stays where it is from one to the next. */
  #begin(head: Head): void {
    this.#head = head;
    const out = this.#value;
    out.clear();
    out.copy(this.#start, 0, this.#start.length);
    out.add(head.before);
  }

  #writeRow(image: Image | null, out: Bytes): void {
    if (!image) return out.byte(absent);
    out.byte(present);
    const { tuple, whole } = image;
    for (const column of this.#row) {
      if (whole || column.inIdentity) column.row(tuple, out);
      else column.missing(out);
    }
  }

  /** Writes the key's text; false if the row does not tell it. */
  #writeKeyText(image: Image): boolean {
    const out = this.#keyText;
    out.clear();
    if (!this.#keyIsWhole || this.#key.length === 0) return false;
    for (const { column, name, token } of this.#key) {
      if (!column.isTold(image) || !column.has(image.tuple)) return false;
      out.copy(name, 0, name.length);
      if (token === null) column.json('key', image.tuple, out);
      else out.ascii(JSON.stringify(this.#tokenOf(column, token, image)));
    }
    out.byte(0x7d);
    return true;
  }

  #writeKey(image: Image, out: Bytes): void {
    out.byte(present);
    for (const { column, token } of this.#key) {
      if (token === null) column.key(image.tuple, out);
      else {
        const made = this.#tokenOf(column, token, image);
        out.zigzag(made.length);
        out.ascii(made);
      }
    }
  }

  #tokenOf(column: Column, token: MakeToken, image: Image): string {
    const { table, tenant: tenantColumn } = this.#contract;
    const tenant = this.#secrets.tenantOf(image);
    if (tenantColumn !== null && tenant === null)
      throw new Refusal(
        'no-tenant',
        `table ${table}: the key is confidential and the change does not tell its tenant; ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      );
    return token(tenant ?? '', column.text(image.tuple, this.#scratch) ?? '');
  }

  /** The lane of the key, as Kafka's own clients would choose it; of a row without one, any that stays the same. */
  #laneOf(hasKey: boolean, { lsn }: Head, seq: number, part: number): number {
    const text = this.#keyText;
    if (!hasKey) {
      text.clear();
      text.zigzagBig(lsn);
      text.zigzag(seq);
      text.zigzag(part);
    }
    return laneOfKey(text.data, this.#slabs.length, text.at);
  }

  #send(key: Bytes | null, lane: number): void {
    const slab = this.#slabs[lane];
    if (slab) this.#output.append(slab, key, this.#value);
  }
}

/** The columns of a table in the form of its topic's schema. What the table lost is not there. */
export function encoderShape(relation: Relation, contract: TableContract) {
  const columns = relation.columns.map((column, index) => new Column(index, column));
  const key = keyColumns(contract, columns).map(({ column: { avro }, domain }) =>
    domain === null ? avro : { name: avro.name, type: 'text', kind: 'string' as const },
  );
  return { table: contract.table, key, row: rowColumns(contract, columns).map(({ avro }) => avro) };
}

/** The columns that travel in the clear, in the contract's order. */
const rowColumns = (contract: TableContract, columns: readonly Column[]): readonly Column[] =>
  contract.columns
    .filter((column) => !isConfidential(column))
    .flatMap(({ name }) => columns.find(({ avro }) => avro.name === name) ?? []);

function keyColumns(contract: TableContract, columns: readonly Column[]): readonly KeyColumn[] {
  return contract.key.flatMap((name, index) => {
    const column = columns.find(({ avro }) => avro.name === name);
    const promised = contract.columns.find((each) => each.name === name);
    if (!column || !promised) return [];
    return {
      column,
      name: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
      domain: isConfidential(promised) ? tokenDomain(contract, promised) : null,
    };
  });
}

const noKey = ({ table }: TableContract) =>
  new Refusal(
    'no-key',
    `table ${table}: a change does not tell its key; keep the primary key in the replica identity`,
  );

const notUtf8 = ({ table }: TableContract, { avro: { name } }: Column) =>
  new Refusal(
    'undecodable',
    `table ${table}: column ${name} holds bytes that are not UTF-8, and in SQL_ASCII a database does not say what they are; correct the row`,
  );

const tooLarge = ({ table }: TableContract, bytes: number) =>
  new Refusal('too-large', `table ${table}: a change of ${bytes} bytes is too large for its topic`);
