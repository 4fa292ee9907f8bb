import { AvroCursor } from '../schemas/avro-cursor.ts';
import { columnReader } from '../schemas/avro-reader.ts';
import type { Kind } from '../schemas/avro.ts';
import type { Field, ImagePlaces } from '../schemas/change-cursor.ts';
import type { GovernedCursor, GovernedForm } from '../schemas/governed-record.ts';
import { type Unchanged, unchanged, type Value } from '../schemas/value.ts';
import { KnownHashes } from './known-hashes.ts';
import { digestText, type RowDigest } from './row-digest.ts';
import type { Halves } from './server-hash.ts';

interface Reading {
  readonly index: number; // Of the digest's columns.
  readonly field: number; // Of the image's.
  readonly kind: Kind;
  readonly read: (from: AvroCursor) => Value | Unchanged;
  readonly known: KnownHashes;
}

interface Compiled {
  readonly key: readonly Reading[];
  readonly row: readonly Reading[];
}

/** Hashes the columns of governed changes from their bytes. What it holds is valid until the next change is read. */
export class GovernedDigest {
  readonly hashes: Int32Array;
  /** Of the columns, those that the change has no value of though it has a row: unchanged ones, and unknown ones. */
  readonly unchanged: Uint8Array;
  readonly #told: Uint8Array; // Those that the change told to be unchanged.
  readonly #digest: RowDigest;
  readonly #compiled = new WeakMap<GovernedForm, Compiled>();
  readonly #hash: Halves = { high: 0, low: 0 };

  constructor(digest: RowDigest) {
    this.#digest = digest;
    this.hashes = new Int32Array(2 * digest.columns.length);
    this.unchanged = new Uint8Array(digest.columns.length);
    this.#told = new Uint8Array(digest.columns.length);
  }

  /** Whether the source did not send a column because it did not change; its schema may not have it at all instead. */
  isUnchanged(index: number): boolean {
    return this.#told[index] === 1;
  }

  /** Reads a change, and says where everything of it lies. Of a row that is gone there is only the key. */
  read(form: GovernedForm, value: Buffer): GovernedCursor {
    const change = form.read(value);
    const { key, row } = this.#of(form);
    this.hashes.fill(0);
    this.unchanged.fill(change.after.present ? 1 : 0);
    this.#told.fill(0);
    const from = new AvroCursor(value, 0);
    if (change.after.present) this.#take(row, change.after, from);
    if (change.key.present) this.#take(key, change.key, from);
    return change;
  }

  #take(readings: readonly Reading[], { starts, ends }: ImagePlaces, from: AvroCursor): void {
    const { hashes, unchanged: silent } = this;
    const hash = this.#hash;
    for (const { index, field, kind, read, known } of readings) {
      const start = starts[field] ?? 0;
      const end = ends[field] ?? 0;
      if (!known.find(from.data, start, end, hash)) {
        from.at = start;
        const value = read(from);
        if (value === unchanged) {
          this.#told[index] = 1;
          continue;
        }
        hash.high = hash.low = 0;
        if (value !== null) this.#digest.column(index, digestText(value, kind), hash);
        known.keep(from.data, start, end, hash);
      }
      silent[index] = 0;
      hashes[2 * index] = hash.high;
      hashes[2 * index + 1] = hash.low;
    }
  }

  #of(form: GovernedForm): Compiled {
    let compiled = this.#compiled.get(form);
    if (!compiled) {
      const { keyFields, rowFields } = form.cursor;
      const key = this.#readings(keyFields);
      const inKey = new Set(key.map(({ index }) => index));
      // A key is read from itself, so that a column of it is hashed once.
      const row = this.#readings(rowFields).filter(({ index }) => !inKey.has(index));
      this.#compiled.set(form, (compiled = { key, row }));
    }
    return compiled;
  }

  #readings(fields: readonly Field[]): readonly Reading[] {
    return fields.flatMap(({ name, type, isUnion }, field) => {
      const index = this.#digest.columns.indexOf(name);
      if (index === -1) return [];
      const branches = isUnion ? (type.types ?? []) : [type];
      const names = branches.map(({ typeName }) => typeName);
      const kind = names.includes('float')
        ? 'float'
        : names.includes('double')
          ? 'double'
          : 'string';
      return [{ index, field, kind, read: columnReader(type), known: new KnownHashes() }];
    });
  }
}
