import type { Type } from 'avsc';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { columnReader } from '../../schemas/avro-reader.ts';
import { ChangeCursor } from '../../schemas/change-cursor.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { unchanged, type Unchanged, type Value } from '../../schemas/value.ts';

type Read = ReturnType<typeof columnReader>;

/** Reads changes of one schema, and of their new rows no more than what is asked for. */
export class RowReader {
  readonly #cursor: ChangeCursor;
  readonly #columns = new Map<string, { readonly at: number; readonly read: Read }>();

  constructor(type: Type) {
    this.#cursor = new ChangeCursor(type);
    for (const [at, field] of this.#cursor.rowFields.entries())
      this.#columns.set(field.name, { at, read: columnReader(field.type) });
  }

  /** Moves on to a change. */
  read(value: Buffer): void {
    try {
      this.#cursor.read(value);
    } catch (cause) {
      throw new Refusal('undecodable', 'a value does not fit its registered schema', { cause });
    }
  }

  get op(): Op {
    return this.#cursor.op;
  }

  /** Whether there is a row once it is done. */
  get isThere(): boolean {
    return this.#cursor.after.present;
  }

  get sealed(): Buffer | null {
    return this.#cursor.sealed;
  }

  /** What stands for a column that was not sent: a new row has none of it, an old one keeps what it had. */
  get lost(): null | Unchanged {
    return this.op === 'insert' ? null : unchanged;
  }

  /** A column of the new row. */
  column(name: string): Value | Unchanged {
    const found = this.#columns.get(name);
    if (!found) return this.lost;
    const { data, after } = this.#cursor;
    return found.read(new AvroCursor(data, after.starts[found.at] ?? 0));
  }
}
