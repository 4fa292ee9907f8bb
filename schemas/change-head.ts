import type { Type } from 'avsc';
import { AvroCursor } from './avro-cursor.ts';
import { changeSchema } from './avro.ts';
import type { Position } from './position.ts';

/** Where a change stands, read without the rest of it. */
export interface ChangeHead {
  readonly log: string; // System and log: positions of another server are of another world.
  readonly position: Position;
  readonly transaction: number;
  readonly committedAt: number;
  readonly watermark: number;
}

/** Whether values of this type begin as all changes do. */
export function beginsLikeAChange(type: Type): boolean {
  const { fields = [] } = type as Type & { readonly fields?: readonly { readonly name: string }[] };
  return headFields.every((name, at) => fields[at]?.name === name);
}

/** Reads the head of a change, captured or governed: some tenth of what reading all of it costs. */
export class HeadReader {
  #logBytes: Buffer = Buffer.alloc(0); // Of the change before: its log is mostly the same.
  #log = '';

  /** Null for what ends before its head does, or names no position. */
  read(value: Buffer): ChangeHead | null {
    try {
      return this.#headOf(value);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  #headOf(value: Buffer): ChangeHead | null {
    const from = new AvroCursor(value, 5);
    from.skipSized();
    from.skipSized();
    if (!this.#isLog(value, from.at)) {
      this.#logBytes = Buffer.from(value.subarray(5, from.at));
      from.at = 5;
      this.#log = `${from.text()}/${from.text()}`;
    }
    const [timeline, lsn] = [from.number(), from.bigint()];
    const position = { timeline, lsn, seq: from.number(), part: from.number() };
    from.number(); // The operation.
    const [transaction, committedAt, watermark] = [from.number(), from.number(), from.number()];
    if (from.at > value.length || !isPosition(position)) return null;
    return { log: this.#log, position, transaction, committedAt, watermark };
  }

  #isLog(value: Buffer, end: number): boolean {
    const known = this.#logBytes;
    return known.length === end - 5 && value.compare(known, 0, known.length, 5, end) === 0;
  }
}

/** Whether each number has as many digits as it has room for in text. */
const isPosition = ({ timeline, lsn, seq, part }: Position): boolean =>
  lsn >= 0n && lsn < 1n << 64n && [timeline, seq, part].every((n) => n >= 0 && n <= 0xffff_ffff);

const headFields = changeSchema({ table: 'public.any', key: [], row: [] })
  .fields.map(({ name }) => name)
  .slice(0, 10);
