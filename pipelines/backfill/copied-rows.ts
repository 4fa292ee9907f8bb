import type { Image } from '../../processors/transcode/columns.ts';
import { keptChange } from '../../processors/transcode/kept-change.ts';
import { type Head, headOf } from '../../processors/transcode/head.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { checkCount, Tuple } from '../../processors/transcode/tuple.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { Frames } from '../wal/frames.ts';
import type { Table } from '../wal/relations.ts';
import type { CopyGulp } from './copy-out.ts';
import type { Base } from './runs.ts';
import type { Touched } from './touched.ts';

const copyData = 0x64;
const signatureBytes = 11;

/** Before all that is not confirmed when the rows are read: a commit may be found right at that place. */
export const copyHead = (
  { timeline, lsn, watermark }: Base,
  { log, system }: { readonly log: string; readonly system: string },
): Head =>
  headOf({
    system,
    log,
    timeline,
    lsn: lsn - 1n,
    transaction: 0,
    committedAt: watermark,
    watermark,
  });

export interface Copying {
  readonly table: Table;
  readonly asText: readonly boolean[]; // By column: its text, or its binary form.
  readonly head: Head;
  readonly read: number;
  readonly touched: Touched | null;
  readonly output: Output;
}

/** The rows of one binary COPY on their way from the server's bytes to records. */
export class CopiedRows {
  readonly #copying: Copying;
  readonly #frames = new Frames();
  readonly #tuple = new Tuple();
  readonly #image: Image = { tuple: this.#tuple, whole: true };
  #touched: Touched | null = null;
  #begun = false;
  #count = 0;

  constructor(copying: Copying) {
    this.#copying = copying;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes records of a gulp and releases it. Nothing of the stream comes between. */
  encode({ chunks, release }: CopyGulp): void {
    const { touched } = this.#copying;
    this.#touched = touched?.isEmpty ? null : touched;
    for (const chunk of chunks) {
      this.#frames.feed(chunk);
      while (this.#frames.next()) if (this.#frames.kind === copyData) this.#row();
    }
    release();
  }

  #row(): void {
    const { data, end } = this.#frames;
    let { start } = this.#frames;
    if (!this.#begun) {
      this.#begun = true;
      start += signatureBytes + 8 + data.readInt32BE(start + signatureBytes + 4);
      if (start >= end) return;
    }
    if (data.readInt16BE(start) === -1) return; // The end.
    const { table, asText } = this.#copying;
    this.#tuple.fillFromCopy(data, start, asText);
    checkCount(this.#tuple, table.table, table.columns.length);
    this.#write(end - start);
  }

  #write(bytes: number): void {
    const { table, head, read, output } = this.#copying;
    const part = this.#count++;
    if (table.way.kind === 'refused') return;
    try {
      table.way.encoder.writeUnless(this.#touched, this.#image, head, read, part);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const value = keptChange(table, 'insert', null, this.#image, head, read, part);
      output.refuse({ value, refusal }, bytes);
    }
  }
}
