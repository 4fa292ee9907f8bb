import { Bytes } from '../../schemas/bytes.ts';

/** What all changes of a transaction have in common, and its bytes as each change carries them. */
export interface Head {
  readonly system: string;
  readonly log: string;
  readonly timeline: number;
  readonly lsn: bigint; // Of the commit.
  readonly transaction: number;
  readonly committedAt: number; // Microseconds since 1970.
  readonly watermark: number;
  readonly before: Bytes; // Avro, up to the seq.
  readonly after: Bytes; // Avro, after the op.
}

/** Writes once per transaction what would else be written once per row. */
export function headOf(known: Omit<Head, 'before' | 'after'>): Head {
  const { system, log, timeline, lsn, transaction, committedAt, watermark } = known;
  const before = new Bytes(64);
  for (const text of [system, log]) {
    const bytes = Buffer.from(text);
    before.sized(bytes, 0, bytes.length);
  }
  before.zigzag(timeline);
  before.zigzagBig(lsn);
  const after = new Bytes(32);
  for (const value of [transaction, committedAt, watermark]) after.zigzag(value);
  return { ...known, before, after };
}
