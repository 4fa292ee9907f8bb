import type { Type } from 'avsc';
import { AvroCursor } from './avro-cursor.ts';
import { changeSchema } from './avro.ts';
import type { Position } from './position.ts';

/** Where a change stands, read without the rest of it. */
export interface ChangeHead {
  readonly log: string; // System and log: positions of another server are of another world.
  readonly position: Position;
  readonly watermark: number;
}

/** Whether values of this type begin as all changes do. */
export function beginsLikeAChange(type: Type): boolean {
  const { fields = [] } = type as Type & { readonly fields?: readonly { readonly name: string }[] };
  return headFields.every((name, at) => fields[at]?.name === name);
}

/** Reads the head of a change that `beginsLikeAChange`: some tenth of what reading all of it costs. */
export class HeadReader {
  #logBytes: Buffer = Buffer.alloc(0); // Of the change before: its log is mostly the same.
  #log = '';

  read(value: Buffer): ChangeHead {
    const from = new AvroCursor(value, 5);
    from.skipSized();
    from.skipSized();
    if (!this.#isLog(value, from.at)) {
      this.#logBytes = Buffer.from(value.subarray(5, from.at));
      from.at = 5;
      this.#log = `${from.text()}/${from.text()}`;
    }
    const timeline = from.number();
    const lsn = from.bigint();
    const seq = from.number();
    const part = from.number();
    from.number(); // The op.
    from.number(); // The transaction.
    from.number(); // When it was committed.
    const watermark = from.number();
    return { log: this.#log, position: { timeline, lsn, seq, part }, watermark };
  }

  #isLog(value: Buffer, end: number): boolean {
    const known = this.#logBytes;
    return known.length === end - 5 && value.compare(known, 0, known.length, 5, end) === 0;
  }
}

const headFields = changeSchema({ table: 'public.any', key: [], row: [] })
  .fields.map(({ name }) => name)
  .slice(0, 10);
