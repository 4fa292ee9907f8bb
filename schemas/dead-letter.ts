import type { Type } from 'avsc';
import { readRecord } from './avro-reader.ts';
import type { Reason } from './refusal.ts';

/** A value that could not pass: what is known of it in the clear, the value itself sealed. */
export interface DeadLetter {
  readonly id: string; // The same however often the value is refused.
  readonly pipeline: string;
  readonly reason: Reason;
  readonly message: string; // Names tables and columns, never a value.
  readonly table: string | null;
  readonly origin: string; // Where it was read: a topic's offset, or a WAL position.
  readonly lane: number;
  readonly key: Buffer | null; // The source's key.
  readonly payload: Buffer; // What was refused; sealed before it is written anywhere.
}

/** How a dead letter stands in its topic. */
export const deadLetterSchema = {
  type: 'record',
  name: 'DeadLetter',
  namespace: 'conductor',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'pipeline', type: 'string' },
    { name: 'reason', type: 'string' },
    { name: 'message', type: 'string' },
    { name: 'table', type: ['null', 'string'], default: null },
    { name: 'origin', type: 'string' },
    { name: 'sealed', type: 'bytes' }, // Of a letter in chunks, this part of it.
    { name: 'chunk', type: 'int', default: 0 },
    { name: 'chunks', type: 'int', default: 1 },
    { name: 'seals', type: 'int', default: 1 }, // How many boxes are in each other: of a row that moved, two.
  ],
} as const;

/** A letter as its topic holds it, or one of the pieces of it. */
export interface WrittenLetter {
  readonly id: string;
  readonly reason: string;
  readonly message: string;
  readonly table: string | null;
  readonly origin: string;
  readonly sealed: Buffer;
  readonly chunk: number;
  readonly chunks: number;
  readonly seals: number;
}

/** Reads a framed value that was written with this schema, or an older one; null if it is no letter. */
export function writtenLetter(type: Type, value: Buffer): WrittenLetter | null {
  if (type.name !== `${deadLetterSchema.namespace}.${deadLetterSchema.name}`) return null;
  try {
    const { chunk = 0, chunks = 1, seals = 1, ...rest } = readRecord(type, value, 5) as Written;
    return { ...rest, chunk, chunks, seals };
  } catch {
    return null; // Whoever wrote it, no pipeline did.
  }
}

/** Letters had no chunks, and one seal, at first. */
type Written = Omit<WrittenLetter, Counted> & Partial<Pick<WrittenLetter, Counted>>;
type Counted = 'chunk' | 'chunks' | 'seals';
