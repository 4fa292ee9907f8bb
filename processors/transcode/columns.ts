import { isUtf8 } from 'node:buffer';
import type { Bytes } from '../../schemas/bytes.ts';
import { type AvroColumn, kindOf } from '../../schemas/avro.ts';
import type { RelationColumn } from '../../schemas/relation.ts';
import { decodeValues } from '../../schemas/secret.ts';
import type { Value } from '../../schemas/value.ts';
import { binaryJsonWriter, binaryKeyWriter, binaryUnionWriter } from './binary.ts';
import { binaryText } from './binary-text.ts';
import { textJsonWriter } from './json.ts';
import { nullBranch, textKeyWriter, textUnionWriter, unchangedBranch } from './text.ts';
import { isNull, isUnchanged, type Tuple } from './tuple.ts';

/** The server sends a type in binary of which only the text is known: the slot is to be read as text. */
export class NeedsText extends Error {
  override readonly name = 'NeedsText';
}

/** One image of a row, and whether it is known whole or only in the columns of the replica identity. */
export interface Image {
  readonly tuple: Tuple;
  readonly whole: boolean;
}

type Writer = (data: Buffer, start: number, length: number, out: Bytes) => void;

/** One column of a relation, compiled: how its bytes become Avro, a key, a secret or a value. */
export class Column {
  readonly index: number;
  readonly avro: AvroColumn;
  readonly inIdentity: boolean;
  readonly #text: Writer;
  readonly #binary: Writer;
  readonly #unchanged: number;
  readonly #isPlain: boolean;
  readonly #binaryText: Writer | null;
  readonly #keyText: Writer;
  readonly #keyBinary: Writer;
  readonly #json: Readonly<Record<'key' | 'secret', readonly [text: Writer, binary: Writer]>>;

  constructor(index: number, { name, type, identity }: RelationColumn, avroType = type) {
    const avro = { name, type: avroType, kind: kindOf(type) };
    const needsText: Writer = () => {
      throw new NeedsText(`column ${name}: type ${type} is read as text only`);
    };
    this.index = index;
    this.inIdentity = identity;
    this.avro = avro;
    this.#text = textUnionWriter(avro);
    this.#binary = binaryUnionWriter(avro, type) ?? needsText;
    this.#unchanged = unchangedBranch(avro);
    this.#isPlain = plainText.has(avro.kind);
    this.#binaryText = binaryText(type);
    this.#keyText = textKeyWriter(avro);
    this.#keyBinary = binaryKeyWriter(avro, type) ?? needsText;
    const json = (flavour: 'key' | 'secret') =>
      [textJsonWriter(avro, flavour), binaryJsonWriter(avro, type, flavour) ?? needsText] as const;
    this.#json = { key: json('key'), secret: json('secret') };
  }

  /** As a column of a row: its branch of the union, and its value. */
  row(tuple: Tuple, out: Bytes): void {
    const { index } = this;
    const length = tuple.lengths[index] ?? isNull;
    if (length === isNull) out.byte(nullBranch);
    else if (length === isUnchanged) out.byte(this.#unchanged);
    else {
      const write = tuple.binary[index] ? this.#binary : this.#text;
      write(tuple.data, tuple.starts[index] ?? 0, length, out);
    }
  }

  /** As a column that the server did not send at all. */
  missing(out: Bytes): void {
    out.byte(this.#unchanged);
  }

  key(tuple: Tuple, out: Bytes): void {
    const { index } = this;
    const write = tuple.binary[index] ? this.#keyBinary : this.#keyText;
    write(tuple.data, tuple.starts[index] ?? 0, tuple.lengths[index] ?? 0, out);
  }

  json(flavour: 'key' | 'secret', tuple: Tuple, out: Bytes): void {
    const { index } = this;
    const length = tuple.lengths[index] ?? isNull;
    if (length === isNull) return out.ascii('null');
    if (length === isUnchanged) return out.ascii('["unchanged",""]');
    const [text, binary] = this.#json[flavour];
    const write = tuple.binary[index] ? binary : text;
    write(tuple.data, tuple.starts[index] ?? 0, length, out);
  }

  has(tuple: Tuple): boolean {
    return (tuple.lengths[this.index] ?? isNull) >= 0;
  }

  /** Whether its text is UTF-8, as it is wherever the server knows what text is. */
  isUtf8(tuple: Tuple): boolean {
    const start = tuple.starts[this.index] ?? 0;
    return (
      !this.has(tuple) ||
      isUtf8(tuple.data.subarray(start, start + (tuple.lengths[this.index] ?? 0)))
    );
  }

  isUnchanged(tuple: Tuple): boolean {
    return tuple.lengths[this.index] === isUnchanged;
  }

  /** Whether an image tells this column at all: of a key-only old row the server sends nulls for the rest. */
  isTold({ whole }: Image): boolean {
    return whole || this.inIdentity;
  }

  /** Whether an image tells what this column holds: a value, or null. */
  tells(image: Image): boolean {
    return this.isTold(image) && !this.isUnchanged(image.tuple);
  }

  /** The value as text, for owners and tokens; null where there is none. */
  text(tuple: Tuple, scratch: Bytes): string | null {
    const { index } = this;
    if (!this.has(tuple)) return null;
    const start = tuple.starts[index] ?? 0;
    const length = tuple.lengths[index] ?? 0;
    if (this.#isPlain) {
      if (!tuple.binary[index]) return tuple.data.toString('utf8', start, start + length);
      if (this.#binaryText) {
        scratch.clear();
        this.#binaryText(tuple.data, start, length, scratch);
        return scratch.view().toString();
      }
    }
    return `${this.value(tuple, scratch) ?? ''}`;
  }

  /** The value as the rest of the way knows it. Slow: for what is refused, and what is rare. */
  value(tuple: Tuple, scratch: Bytes): Value {
    scratch.clear();
    this.json('secret', tuple, scratch);
    return decodeValues(scratch.view().toString()) as Value;
  }
}

/** Kinds whose value reads as the server writes it. */
const plainText: ReadonlySet<string> = new Set(['int', 'long', 'string', 'uuid']);
