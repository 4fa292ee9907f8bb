import type { Type } from 'avsc';
import { AvroCursor } from './avro-cursor.ts';
import { columnName, ops } from './avro.ts';
import { logicalOf } from './avro-types.ts';
import type { Op } from './change.ts';

/** What of a schema's types is looked at, whichever copy of `avsc` made them. */
export interface KnownType extends Type {
  readonly fields?: readonly { readonly name: string; readonly type: KnownType }[];
  readonly types?: readonly KnownType[];
}

/** A column as a topic's schema has it. */
export interface Field {
  readonly name: string;
  readonly type: KnownType;
  readonly layout: string; // Two fields of one layout have the same bytes for the same value.
  readonly skips: readonly Skip[]; // Of each branch of a union, or of the one type there is.
  readonly isUnion: boolean;
}

/** How bytes are passed over without being read. */
type Skip = 'nothing' | 'byte' | 'varint' | 'sized' | 'four' | 'eight';

const bodyAt = 5; // After a zero and the schema's id.

/** Where an image of a row lies, and each of its columns. */
export interface ImagePlaces {
  present: boolean;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * A change as it lies in its bytes: where everything is, and what each change is known by. One change at a time:
 * what it tells is valid until the next one is read. What stands behind its images, each kind of change says.
 */
export abstract class CursorOfChanges {
  readonly keyFields: readonly Field[];
  readonly rowFields: readonly Field[];
  data: Buffer = Buffer.alloc(0);
  source = ''; // Its system and its log.
  system = '';
  log = '';
  timeline = 0;
  lsn = 0n;
  seq = 0;
  part = 0;
  op: Op = 'insert';
  transaction = 0;
  committedAt = 0; // Microseconds since 1970.
  readonly headAt = bodyAt;
  keyAt = 0; // Where the head ends.
  readonly key: ImagePlaces;
  readonly before: ImagePlaces;
  readonly after: ImagePlaces;
  #known = Buffer.alloc(0); // The bytes of `source`.

  constructor(type: KnownType, tail: string) {
    const fields = type.fields ?? [];
    const names = fields.map(({ name }) => name).join(' ');
    const wanted = `${head} ${tail}`;
    if (names !== wanted) throw new TypeError(`a schema of such changes has the fields ${wanted}`);
    this.keyFields = fieldsOf(fields[10]?.type);
    this.rowFields = fieldsOf(fields[11]?.type);
    this.key = places(this.keyFields.length);
    this.before = places(this.rowFields.length);
    this.after = places(this.rowFields.length);
  }

  /** Reads where everything is. Throws if the bytes are not what the schema says. */
  read(data: Buffer): void {
    const cursor = new AvroCursor(data, bodyAt);
    this.data = data;
    cursor.skipSized();
    cursor.skipSized();
    this.#learn(data, cursor.at);
    this.timeline = cursor.number();
    this.lsn = cursor.bigint();
    this.seq = cursor.number();
    this.part = cursor.number();
    this.op = opOf(cursor.number());
    this.transaction = cursor.number();
    this.committedAt = cursor.number();
    cursor.number(); // The watermark.
    this.keyAt = cursor.at;
    this.key.present = isPresent(cursor);
    if (this.key.present) find(cursor, this.keyFields, this.key);
    this.before.present = isPresent(cursor);
    if (this.before.present) find(cursor, this.rowFields, this.before);
    this.after.present = isPresent(cursor);
    if (this.after.present) find(cursor, this.rowFields, this.after);
    this.readTail(cursor);
    if (!cursor.isAtEnd) throw new RangeError('the Avro does not end where the value does');
  }

  protected abstract readTail(cursor: AvroCursor): void;

  /** Records of one log follow each other: its name is read where it is another's. */
  #learn(data: Buffer, end: number): void {
    const known = this.#known;
    if (known.length === end - bodyAt && isAt(known, data, bodyAt)) return;
    const cursor = new AvroCursor(data, bodyAt);
    this.system = cursor.text();
    this.log = cursor.text();
    this.source = `${this.system}/${this.log}`;
    this.#known = Buffer.from(data.subarray(bodyAt, end));
  }
}

/** A captured change: what is confidential of it lies in a box. */
export class ChangeCursor extends CursorOfChanges {
  sealed: Buffer | null = null;

  constructor(type: KnownType) {
    super(type, 'sealed');
  }

  protected override readTail(cursor: AvroCursor): void {
    this.sealed = isPresent(cursor) ? cursor.bytes() : null;
  }
}

function opOf(number: number): Op {
  const op = ops[number];
  if (op === undefined) throw new RangeError('an enum in the Avro has no such symbol');
  return op;
}

/** Which branch a union with null is in. */
function isPresent(cursor: AvroCursor): boolean {
  const branch = cursor.number();
  if (branch !== 0 && branch !== 1) throw noBranch();
  return branch === 1;
}

const noBranch = () => new RangeError('a union in the Avro has no such branch');

/** Whether bytes stand at a place: of so few a call costs more than the loop. */
function isAt(bytes: Buffer, data: Buffer, from: number): boolean {
  for (let at = bytes.length - 1; at >= 0; at--) if (bytes[at] !== data[from + at]) return false;
  return true;
}

const head =
  'system log timeline lsn seq part op transaction committedAt watermark key before after';

const places = (count: number): ImagePlaces => ({
  present: false,
  starts: new Int32Array(count),
  ends: new Int32Array(count),
});

/** The fields of the record in a union with null. */
export function fieldsOf(union: KnownType | undefined): readonly Field[] {
  const record = union?.types?.find(({ typeName }) => typeName === 'record');
  return (record?.fields ?? []).map(fieldOf);
}

/** A field of an image of a row, or of a key. */
function fieldOf({ name, type }: { readonly name: string; readonly type: KnownType }): Field {
  const isUnion = type.typeName.startsWith('union');
  const branches = isUnion ? (type.types ?? []) : [type];
  const layout = branches.map((branch) => {
    const logical = logicalOf(branch);
    return logical ? `${logical.name}(${logical.scale})` : branch.typeName;
  });
  return {
    name: columnName(name),
    type,
    layout: `${isUnion ? 'union' : 'one'} ${layout.join(' ')}`,
    skips: branches.map(skipOf),
    isUnion,
  };
}

function skipOf({ typeName }: KnownType): Skip {
  switch (typeName) {
    case 'null':
    case 'logical:unchanged':
      return 'nothing';
    case 'boolean':
      return 'byte';
    case 'int':
    case 'long':
    case 'abstract:long':
    case 'enum':
      return 'varint';
    case 'float':
      return 'four';
    case 'double':
      return 'eight';
    case 'string':
    case 'bytes':
      return 'sized';
    default:
      throw new TypeError(`a schema of ours has no ${typeName}: register the topic anew`);
  }
}

function find(cursor: AvroCursor, fields: readonly Field[], { starts, ends }: ImagePlaces): void {
  let index = 0;
  for (const { isUnion, skips } of fields) {
    starts[index] = cursor.at;
    pass(cursor, skips[isUnion ? cursor.number() : 0]);
    ends[index++] = cursor.at;
  }
}

function pass(cursor: AvroCursor, skip: Skip | undefined): void {
  switch (skip) {
    case 'nothing':
      return;
    case 'sized':
      cursor.skipSized();
      return;
    case 'varint':
      cursor.number();
      return;
    case 'byte':
      cursor.at++;
      return;
    case 'four':
      cursor.at += 4;
      return;
    case 'eight':
      cursor.at += 8;
      return;
    case undefined:
      throw noBranch();
  }
}
