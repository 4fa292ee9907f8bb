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
import type { Put, Sighting } from '../../processors/anonymity/teller.ts';
import { generaliser } from '../../processors/generalise.ts';
import type { Opener } from '../../processors/unseal.ts';
import { type AvroColumn, kindOf } from '../../schemas/avro.ts';
import { writeRow } from '../../schemas/avro-writer.ts';
import { Bytes } from '../../schemas/bytes.ts';
import type { Change } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { keyRefOf } from '../../schemas/sealed-box.ts';
import type { Secret } from '../../schemas/secret.ts';
import { type Row, unchanged, type Unchanged, type Value } from '../../schemas/value.ts';
import { decodeChange, schemaIdOf } from '../../schemas/wire.ts';
import type { WindowRow } from '../windows/closed-window.ts';

/** A table's contract that asks for a dataset. */
export type AnonymousTable = TableContract & { readonly anon: AnonContract };

interface Means {
  readonly registry: Pick<Registry, 'type'>;
  readonly keyring: Pick<Keyring, 'find'>;
  readonly pseudonyms: Pseudonyms;
  readonly open: Opener;
  readonly mostBytes: number; // Of what is told beside the quasi-identifiers.
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
  readonly #identifiers: readonly ColumnContract[];
  readonly #subject: ColumnContract;
  readonly #sensitive: ColumnContract | null;
  readonly #attributes: readonly AvroColumn[];
  readonly #coarse: readonly { readonly name: string; readonly of: (value: Value) => Value }[];
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
    this.#attributes = attributeColumns(table);
    this.#coarse = named(anon.attributes, columns).flatMap((column) => {
      const { name, hierarchy } = column;
      if (!hierarchy || column.rule !== 'generalise') return [];
      const classOf = generaliser(hierarchy, `table ${table.table}, column ${name}`);
      return [{ name, of: (value: Value) => value && classOf(value, hierarchy.level) }];
    });
    const looked = [
      this.#subject,
      ...this.#identifiers,
      ...(this.#sensitive ? [this.#sensitive] : []),
    ];
    const told = named(anon.attributes, columns);
    this.#opens = [...looked, ...told].some(isConfidential);
  }

  /** What a change of a window means. Throws a `Refusal` for one that can never be told. */
  of({ record, log, position }: WindowRow, window: number): Sighting {
    const { topic, partition, offset, key, value } = record;
    const { registry, pseudonyms } = this.#means;
    const type = registry.type(schemaIdOf(value) ?? -1);
    const { table } = this.#table;
    if (!type) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    const change = decodeChange(type, value, { table, lane: partition });
    if (change.op === 'truncate') return { what: 'truncated' };
    if (key === null) throw new Refusal('no-key', `table ${table}: a change does not tell its key`);
    const row = pseudonyms.row(key);
    if (change.op === 'delete' || !change.after) return { what: 'gone', row };
    const keyRef = change.sealed && keyRefOf(change.sealed);
    const secret = this.#secretOf(change, keyRef);
    if (!secret) return { what: 'erased', row };
    const told = this.#told(change, change.after, secret);
    if (typeof told === 'string') return { what: 'untold', row, why: told };
    const place = { topic, partition, offset };
    return { what: 'put', put: { row, ...told, log, position, place, keyRef, since: window } };
  }

  /** What the box holds, if it is to be opened; null if its subject is erased. */
  #secretOf(change: Change, keyRef: Buffer | null): Secret | null {
    if (this.#opens) return this.#means.open(change);
    const isErased = keyRef !== null && this.#means.keyring.find(keyRef).state === 'destroyed';
    return isErased ? null : { before: null, after: null };
  }

  #told(
    change: Change,
    after: Row,
    secret: Secret,
  ): Pick<Put, 'subject' | 'cell' | 'attributes' | 'sensitive'> | 'incomplete' | 'no-subject' {
    const { pseudonyms } = this.#means;
    const lost = change.op === 'insert' ? null : unchanged;
    const read = (column: ColumnContract): Value | Unchanged =>
      (isConfidential(column) ? secret.after : after)?.[column.name] ??
      missing(column, after, secret, lost);
    const subject = read(this.#subject);
    if (subject === null) return 'no-subject';
    const values = this.#identifiers.map(read);
    const sensitive = this.#sensitive && read(this.#sensitive);
    const beside = this.#beside(after, lost);
    if (subject === unchanged || sensitive === unchanged || !beside || !areWhole(values))
      return 'incomplete';
    const { tenant, subject: of } = this.#table;
    const whose = tenant === null ? null : after[tenant];
    if (whose === unchanged) return 'incomplete';
    return {
      subject: pseudonyms.subject(textOf(whose), of?.domain ?? '', `${subject}`),
      cell: this.lattice.cellOf(values),
      attributes: this.#bytesOf(beside),
      sensitive: sensitive === null ? null : pseudonyms.value(`${sensitive}`),
    };
  }

  /** What is told beside the quasi-identifiers; null if it was not sent whole. */
  #beside(after: Row, lost: null | Unchanged): Row | null {
    let row = after;
    for (const { name } of this.#attributes) {
      const value = name in after ? after[name] : lost;
      if (value === unchanged) return null;
      if (value === undefined || !(name in after)) row = { ...row, [name]: null };
    }
    if (this.#coarse.length === 0) return row;
    const coarse: Record<string, Value | Unchanged> = { ...row };
    for (const { name, of } of this.#coarse) {
      const value = coarse[name];
      if (value !== undefined && value !== unchanged) coarse[name] = of(value);
    }
    return coarse;
  }

  #bytesOf(row: Row): Buffer {
    const out = this.#scratch;
    out.clear();
    writeRow(this.#attributes, row, out);
    if (out.at > this.#means.mostBytes)
      throw new Refusal(
        'too-large',
        `table ${this.#table.table}: the attributes of a row take ${out.at} bytes, and ${this.#means.mostBytes} are told at most; leave long columns out of anon.attributes`,
      );
    return Buffer.from(out.view());
  }
}

function found({ table, columns }: TableContract, name: string): ColumnContract {
  const column = columns.find((each) => each.name === name);
  if (!column) throw new TypeError(`table ${table} has no column ${name}`);
  return column;
}

const areWhole = (values: readonly (Value | Unchanged)[]): values is readonly Value[] =>
  !values.includes(unchanged);

const textOf = (value: Value | undefined): string | null =>
  value === null || value === undefined ? null : `${value}`;

/** A null is a value; what is not there at all was not sent. */
function missing(
  column: ColumnContract,
  after: Row,
  { after: secret }: Secret,
  lost: null | Unchanged,
): null | Unchanged {
  const image = isConfidential(column) ? secret : after;
  return image && column.name in image ? null : lost;
}
