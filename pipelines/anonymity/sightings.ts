import type { AnonContract } from '../../contracts/anon.ts';
import {
  type ColumnContract,
  isConfidential,
  type TableContract,
} from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { Lattice } from '../../processors/anonymity/lattice.ts';
import type { Pseudonyms } from '../../processors/anonymity/pseudonyms.ts';
import type { Put, Sighting, Untold } from '../../processors/anonymity/teller.ts';
import { generaliser } from '../../processors/generalise.ts';
import type { Opener } from '../../processors/unseal.ts';
import { type AvroColumn, kindOf } from '../../schemas/avro.ts';
import { writeColumn } from '../../schemas/avro-writer.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Op } from '../../schemas/change.ts';
import { fieldsOf, type KnownType } from '../../schemas/change-cursor.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { boxesOf, keyRefOf } from '../../schemas/sealed-box.ts';
import type { Secret } from '../../schemas/secret.ts';
import { type Row, unchanged, type Unchanged, type Value } from '../../schemas/value.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { WindowRow } from '../windows/closed-window.ts';
import { RowReader } from './row-reader.ts';

/** A table's contract that asks for a dataset. */
export type AnonymousTable = TableContract & { readonly anon: AnonContract };

interface Means {
  readonly registry: Pick<Registry, 'type'>;
  readonly keyring: Pick<Keyring, 'find'>;
  readonly pseudonyms: Pseudonyms;
  readonly open: Opener;
  readonly mostBytes: number; // Of what is told beside the quasi-identifiers.
  readonly type: KnownType; // Of the dataset's records.
}

/** The columns that are told beside the quasi-identifiers, in the form of the dataset's schema. */
export const attributeColumns = ({ anon, columns }: AnonymousTable): readonly AvroColumn[] =>
  named(anon.attributes, columns).map(({ name, type, rule }) =>
    rule === 'keep' ? { name, type, kind: kindOf(type) } : { name, type: 'text', kind: 'string' },
  );

/** How coarse the quasi-identifiers of a table may be made. What may not be read is never told as it is. */
const latticeOf = ({ table, anon, columns }: AnonymousTable): Lattice =>
  new Lattice(
    named(anon.quasi_identifiers, columns).map((column) => ({
      name: column.name,
      hierarchy: column.hierarchy,
      finest: finestOf(column),
      place: `table ${table}, column ${column.name}`,
    })),
  );

function finestOf(column: ColumnContract): number {
  if (column.rule === 'generalise') return column.hierarchy?.level ?? 1;
  return column.rule === 'keep' && !isConfidential(column) ? 0 : 1;
}

const named = (names: readonly string[], columns: readonly ColumnContract[]) =>
  names.flatMap((name) => columns.find((column) => column.name === name) ?? []);

/** Reads changes as far as a dataset looks at them. */
export class Sightings {
  readonly lattice: Lattice;
  readonly #table: AnonymousTable;
  readonly #means: Means;
  readonly #readers = new Map<number, RowReader>(); // By the id of the schema that a change came in.
  readonly #identifiers: readonly ColumnContract[];
  readonly #subject: ColumnContract;
  readonly #sensitive: ColumnContract | null;
  readonly #attributes: readonly Attribute[];
  readonly #opens: boolean; // Whether anything that is looked at is in the box.
  readonly #scratch = new Bytes(1_024);

  constructor(table: AnonymousTable, means: Means) {
    const { anon, columns } = table;
    this.#table = table;
    this.#means = means;
    this.lattice = latticeOf(table);
    this.#identifiers = named(anon.quasi_identifiers, columns);
    this.#subject = found(table, table.subject?.column ?? '');
    this.#sensitive = anon.diversity && found(table, anon.diversity.column);
    const told = named(anon.attributes, columns);
    const avro = attributeColumns(table);
    const fields = fieldsOf(means.type.fields?.find(({ name }) => name === 'row')?.type);
    this.#attributes = told.flatMap((column, at) => {
      const told = avro[at];
      const isKept = column.rule === 'keep' && !isConfidential(column);
      const layout = isKept ? (fields[at]?.layout ?? null) : null;
      return told ? [{ column, avro: told, layout, apply: coarsening(table.table, column) }] : [];
    });
    const looked = [this.#subject, ...this.#identifiers, ...told];
    this.#opens = [...looked, ...(this.#sensitive ? [this.#sensitive] : [])].some(isConfidential);
  }

  /** What a change of a window means. Throws a `Refusal` for one that can never be told. */
  of({ record, log, position }: WindowRow, window: number): Sighting {
    const { topic, partition, offset, key, value } = record;
    const reader = this.#readerOf(topic, value);
    reader.read(value);
    const { op } = reader;
    if (op === 'truncate') return { what: 'truncated', lane: partition };
    const { table } = this.#table;
    if (key === null) throw new Refusal('no-key', `table ${table}: a change does not tell its key`);
    const row = this.#means.pseudonyms.row(key);
    if (op === 'delete' || !reader.isThere) return { what: 'gone', row };
    const { sealed } = reader;
    const keyRef = sealed && keyRefOf(boxesOf(sealed).at(-1) ?? sealed); // Of what came, not of what left.
    const secret = this.#secretOf(op, sealed, keyRef);
    if (!secret) return { what: 'erased', row };
    const told = this.#told(reader, secret.after);
    if ('why' in told) return { what: 'untold', row, ...told };
    const { subject, cell, attributes, sensitive } = told;
    const place = { topic, partition, offset };
    const put = {
      row,
      subject,
      cell,
      attributes,
      sensitive,
      log,
      position,
      place,
      keyRef,
      since: window,
    };
    return { what: 'put', put };
  }

  #readerOf(topic: string, value: Buffer): RowReader {
    const id = schemaIdOf(value) ?? -1;
    let reader = this.#readers.get(id);
    if (reader) return reader;
    const type = this.#means.registry.type(id);
    if (!type) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    this.#readers.set(id, (reader = new RowReader(type)));
    return reader;
  }

  /** What the box holds, if it is to be opened; null if its subject is erased. */
  #secretOf(op: Op, sealed: Buffer | null, keyRef: Buffer | null): Secret | null {
    const { table } = this.#table;
    if (this.#opens) return this.#means.open({ table, op, sealed });
    const isErased = keyRef !== null && this.#means.keyring.find(keyRef).state === 'destroyed';
    return isErased ? null : nothing;
  }

  #told(
    reader: RowReader,
    secret: Row | null,
  ): Pick<Put, 'subject' | 'cell' | 'attributes' | 'sensitive'> | Pick<Untold, 'why' | 'subject'> {
    const read = (column: ColumnContract): Value | Unchanged =>
      isConfidential(column) ? secretOf(column, secret, reader.lost) : reader.column(column.name);
    const subject = this.#subjectOf(reader, read(this.#subject));
    if (subject === null) return { why: 'no-subject', subject };
    const values = this.#identifiers.map(read);
    const sensitive = this.#sensitive && read(this.#sensitive);
    const isWhole = subject !== unchanged && sensitive !== unchanged;
    if (!isWhole || !areWhole(values) || !this.#writeAttributes(reader, read))
      return { why: 'incomplete', subject };
    return {
      subject,
      cell: this.lattice.cellOf(values),
      attributes: Buffer.from(this.#scratch.view()),
      sensitive: sensitive === null ? null : this.#means.pseudonyms.value(`${sensitive}`),
    };
  }

  /** Whose a row is; `unchanged` where the change does not say. */
  #subjectOf(reader: RowReader, subject: Value | Unchanged): string | null | Unchanged {
    if (subject === null || subject === unchanged) return subject;
    const { tenant: column, subject: of } = this.#table;
    const tenant = column === null ? null : reader.column(column);
    if (tenant === unchanged) return unchanged;
    const name = tenant === null ? null : `${tenant}`;
    return this.#means.pseudonyms.subject(name, of?.domain ?? '', `${subject}`);
  }

  /** Writes what is told beside the quasi-identifiers; false if it was not sent whole. */
  #writeAttributes(
    reader: RowReader,
    read: (column: ColumnContract) => Value | Unchanged,
  ): boolean {
    const out = this.#scratch;
    out.clear();
    for (const { column, avro, layout, apply } of this.#attributes) {
      if (layout !== null && reader.copy(column.name, layout, out)) continue;
      const value = read(column);
      if (value === unchanged) return false;
      writeColumn(avro, value === null ? null : apply(value), out);
    }
    const { mostBytes } = this.#means;
    if (out.at > mostBytes)
      throw new Refusal(
        'too-large',
        `table ${this.#table.table}: the attributes of a row take ${out.at} bytes, and ${mostBytes} are told at most; leave long columns out of anon.attributes`,
      );
    return true;
  }
}

/** A column that is told beside the quasi-identifiers, and what becomes of it. */
interface Attribute {
  readonly column: ColumnContract;
  readonly avro: AvroColumn;
  readonly layout: string | null; // That it leaves in as it came.
  readonly apply: (value: Exclude<Value, null>) => Value;
}

function coarsening(table: string, { name, rule, hierarchy }: ColumnContract): Attribute['apply'] {
  if (rule !== 'generalise' || !hierarchy) return (value) => value;
  const classOf = generaliser(hierarchy, `table ${table}, column ${name}`);
  return (value) => classOf(value, hierarchy.level);
}

const nothing: Secret = { before: null, after: null };

function found({ table, columns }: TableContract, name: string): ColumnContract {
  const column = columns.find((each) => each.name === name);
  if (!column) throw new TypeError(`table ${table} has no column ${name}`);
  return column;
}

const areWhole = (values: readonly (Value | Unchanged)[]): values is readonly Value[] =>
  !values.includes(unchanged);

/** A null is a value; what is not there at all was not sent. */
function secretOf(
  { name }: ColumnContract,
  secret: Row | null,
  lost: null | Unchanged,
): Value | Unchanged {
  return secret && Object.hasOwn(secret, name) ? (secret[name] ?? null) : lost;
}
