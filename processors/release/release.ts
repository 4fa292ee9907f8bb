import { isConfidential } from '../../contracts/contract.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import type { TablePlans } from '../../contracts/policy/table-plans.ts';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { columnReader } from '../../schemas/avro-reader.ts';
import { writeKey, writeText } from '../../schemas/avro-writer.ts';
import { Bytes } from '../../schemas/bytes.ts';
import {
  ChangeCursor,
  type Field,
  fieldsOf,
  type ImagePlaces,
  type KnownType,
} from '../../schemas/change-cursor.ts';
import { lsnText } from '../../schemas/lsn.ts';
import { changeId } from '../../schemas/position.ts';
import type { Secret } from '../../schemas/secret.ts';
import { keyText, type Row, unchanged, type Key, type Value } from '../../schemas/value.ts';
import type { Columns, Registered } from '../../schemas/wire.ts';
import { type Lost, noTenant, type RedactedColumn } from '../redact.ts';
import { type ColumnSealer, type Sealing, unsealed } from '../seal-column.ts';
import { waysOf } from '../table-redaction.ts';
import { ImageRelease, toldBy } from './image.ts';

/** How the changes of a table leave. */
export interface ReleasedForm {
  readonly plans: TablePlans;
  readonly columns: (plan: PlannedContract) => readonly RedactedColumn[];
  readonly seals: ColumnSealer;
  readonly shape: Columns;
  readonly schema: Registered;
}

/** How rows go by one plan. */
interface Way {
  readonly columns: readonly RedactedColumn[];
  readonly image: ImageRelease;
  readonly keepsKey: boolean; // It leaves as it came.
  readonly hasSeals: boolean;
}

type Read = ReturnType<typeof columnReader>;

const absent = 0;
const present = 2; // The second branch of a union, in Avro's zigzag.

/**
 * Makes of captured changes what may be read of them, from bytes to bytes: what they are known by is copied as it
 * is, and so is every column that its plan keeps. What `redaction` makes of the same change is the same.
 */
export class Release {
  readonly cursor: ChangeCursor;
  readonly value = new Bytes(4_096); // What was released last, and its key.
  readonly key = new Bytes(256);
  readonly #form: ReleasedForm;
  readonly #ways: (tenant: string | null) => Way;
  readonly #hasOneWay: boolean;
  readonly #tenantAt: number;
  readonly #readKey: readonly Read[]; // Of its columns, in their order.
  readonly #readRow: readonly Read[];
  #origin = { lsn: -1n, timeline: -1, source: '', text: Buffer.alloc(0) };

  constructor(came: KnownType, form: ReleasedForm) {
    this.#form = form;
    const { plans, shape, schema } = form;
    this.cursor = new ChangeCursor(came);
    const { rowFields, keyFields } = this.cursor;
    const [leavingKey = [], leavingRow = []] = imagesOf(schema.type);
    this.#hasOneWay = plans.tenants.size === 0;
    this.#ways = waysOf(plans, (plan): Way => {
      const columns = form.columns(plan);
      const leaving = shape.row.flatMap((avro, at) => {
        const column = columns.find(({ name }) => name === avro.name);
        const field = leavingRow[at];
        return column && field ? [{ column, avro, field }] : [];
      });
      return {
        columns,
        image: new ImageRelease(rowFields, leaving),
        keepsKey: isKept(keyFields, leavingKey, columns),
        hasSeals: columns.some(({ rule }) => rule === 'seal'),
      };
    });
    this.#tenantAt = rowFields.findIndex(({ name }) => name === plans.everybody.tenant);
    this.#readKey = keyFields.map(({ type }) => columnReader(type));
    this.#readRow = rowFields.map(({ type }) => columnReader(type));
  }

  /** Whose the change is that the cursor read, if it tells. */
  get tenant(): string | null {
    return this.#told(this.cursor.after, this.cursor.before);
  }

  /** Writes what leaves of the change that the cursor read, into `value`; and its key into `key`, which came as `sentKey`. */
  write(secret: Secret, sentKey: Buffer | null): void {
    const { cursor, value: out } = this;
    const { data, before, after, op } = cursor;
    out.clear();
    out.room(5);
    out.byte(0);
    out.at = out.data.writeInt32BE(this.#form.schema.id, out.at);
    out.copy(data, cursor.headAt, cursor.keyAt - cursor.headAt);
    this.#writeKey(sentKey);
    out.byte(before.present ? present : absent);
    if (before.present) this.#writeImage('before', secret, unchanged);
    out.byte(after.present ? present : absent);
    if (after.present) this.#writeImage('after', secret, op === 'insert' ? null : unchanged);
    this.#writeProvenance();
    writeText(this.#form.plans.form.policy, out);
  }

  #writeImage(which: 'before' | 'after', secret: Secret, lost: Lost): void {
    const { cursor } = this;
    const own = cursor[which];
    const other = which === 'before' ? cursor.after : cursor.before;
    const { image, hasSeals } = this.#wayOf(own);
    image.write(
      cursor.data,
      own,
      {
        secret: secret[which],
        lost,
        tenant: () => this.#tenant(own, other), // A row may have moved from one tenant to another.
        seal: hasSeals ? this.#form.seals(this.#sealing(which, secret[which])) : unsealed,
      },
      this.value,
    );
  }

  /** How the row of an image goes; one that is absent does not tell whose it was. */
  #wayOf(image: ImagePlaces): Way {
    return this.#ways(this.#hasOneWay ? null : this.#told(image));
  }

  /** The tenant that one of the images tells. */
  #told(...images: readonly ImagePlaces[]): string | null {
    return this.#toldAt(this.#tenantAt, images);
  }

  #toldAt(index: number, images: readonly ImagePlaces[]): string | null {
    const read = this.#readRow[index];
    return read ? toldBy(this.cursor.data, read, index, images) : null;
  }

  #sealing(image: 'before' | 'after', secret: Row | null): Sealing {
    const { cursor } = this;
    const { system, log, timeline, lsn, seq, part, rowFields } = cursor;
    return {
      plan: this.#form.plans.form,
      image,
      change: changeId(system, log, { timeline, lsn, seq, part }),
      textOf: (column) => {
        const hidden = secret?.[column] ?? null;
        if (hidden !== null && hidden !== unchanged) return `${hidden}`;
        const at = rowFields.findIndex(({ name }) => name === column);
        return this.#toldAt(at, [cursor[image]]);
      },
    };
  }

  #writeKey(sentKey: Buffer | null): void {
    const { cursor, value: out, key: text } = this;
    const { data, keyAt, key } = cursor;
    text.clear();
    out.byte(key.present ? present : absent);
    if (!key.present) return;
    const { keepsKey, columns } = this.#wayOf(cursor.after.present ? cursor.after : cursor.before);
    if (keepsKey && sentKey) {
      out.copy(data, keyAt + 1, (key.ends.at(-1) ?? keyAt + 1) - keyAt - 1);
      text.copy(sentKey, 0, sentKey.length);
      return;
    }
    const { shape } = this.#form;
    const tenant = () => this.#tenant(cursor.after, cursor.before);
    const released = this.#readKey.flatMap((read, at): [string, Value][] => {
      const name = cursor.keyFields[at]?.name ?? '';
      const value = read(new AvroCursor(data, key.starts[at] ?? 0));
      const column = columns.find((each) => each.name === name);
      if (!column) return [];
      // A confidential key was made a token when it was captured.
      const applied = isConfidential(column) ? value : column.apply(value, tenant, unsealed);
      return [[name, applied === unchanged ? null : applied]];
    });
    this.#writeReleasedKey(Object.fromEntries(released), shape);
  }

  #writeReleasedKey(released: Key, { key }: Columns): void {
    writeKey(key, released, this.value);
    const text = Buffer.from(keyText(released));
    this.key.copy(text, 0, text.length);
  }

  #tenant(first: ImagePlaces, second: ImagePlaces): string {
    const { tenant, table } = this.#form.plans.form;
    if (tenant === null) return '';
    const told = this.#told(first, second);
    if (told === null) throw noTenant(table, tenant);
    return told;
  }

  /** Of one transaction all but the last numbers are the same. */
  #writeProvenance(): void {
    const { system, log, source, timeline, lsn, seq, part } = this.cursor;
    const origin = this.#origin;
    if (origin.lsn !== lsn || origin.timeline !== timeline || origin.source !== source) {
      const text = `pg:${system}/${timeline}/${log}@${lsnText(lsn)}/`;
      this.#origin = { lsn, timeline, source, text: Buffer.from(text) };
    }
    const { text } = this.#origin;
    const place = `${seq}.${part}`;
    this.value.zigzag(text.length + place.length);
    this.value.copy(text, 0, text.length);
    this.value.ascii(place);
  }
}

/** Whether a key leaves as it came: none of its columns is changed on its way. */
function isKept(
  came: readonly Field[],
  leaving: readonly Field[],
  columns: readonly RedactedColumn[],
): boolean {
  return (
    came.length === leaving.length &&
    came.every(({ name, layout }, at) => {
      const column = columns.find((each) => each.name === name);
      const isKept = column && (isConfidential(column) || column.rule === 'keep');
      return isKept && leaving[at]?.name === name && leaving[at]?.layout === layout;
    })
  );
}

/** The fields of the key and of the row in a schema of governed changes. */
function imagesOf(type: KnownType): readonly (readonly Field[])[] {
  const fields = type.fields ?? [];
  return ['key', 'before'].map((name) =>
    fieldsOf(fields.find((field) => field.name === name)?.type),
  );
}
