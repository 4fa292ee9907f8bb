import type { Type } from 'avsc';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { columnReader } from '../../schemas/avro-reader.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import { ChangeCursor } from '../../schemas/change-cursor.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { unchanged, type Unchanged, type Value } from '../../schemas/value.ts';

interface Column {
  readonly at: number;
  readonly read: ReturnType<typeof columnReader>;
  readonly layout: string;
  readonly unchangedAt: number; // The branch of what was not sent, as its byte.
}

/** Reads changes of one schema, and of their new rows no more than what is asked for. */
export class RowReader {
  readonly #cursor: ChangeCursor;
  readonly #columns = new Map<string, Column>();

  constructor(type: Type) {
    this.#cursor = new ChangeCursor(type);
    for (const [at, field] of this.#cursor.rowFields.entries())
      this.#columns.set(field.name, {
        at,
        read: columnReader(field.type),
        layout: field.layout,
        unchangedAt: (field.skips.length - 1) * 2,
      });
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
  /**
   * Copies a column of the new row as it lies there, if it does so in the layout that it is to leave in. False, and
   * nothing is copied, where it does not, or was not sent.
   */
  copy(name: string, layout: string, out: Bytes): boolean {
    const found = this.#columns.get(name);
    if (found?.layout !== layout) return false;
    const { data, after } = this.#cursor;
    const start = after.starts[found.at] ?? 0;
    if (data[start] === found.unchangedAt) return false;
    out.copy(data, start, (after.ends[found.at] ?? 0) - start);
    return true;
  }
}
