import { type PartRecord, type StackRecord, withPart, writeRecord } from './record.ts';
import type { Part } from './stack.ts';

/** The record in memory and on disk, changed one part at a time. */
export interface Book {
  read(): StackRecord;
  write(part: Part, next: PartRecord): Promise<void>;
}

/** Opens the book of a stack on its record; whoever holds it holds the stack's lock. */
export function openBook(file: string, initial: StackRecord): Book {
  let record = initial;
  let writing = Promise.resolve();
  return {
    read: () => record,
    write(part, next) {
      record = withPart(record, part, next);
      writing = writing.then(() => writeRecord(file, record));
      return writing;
    },
  };
}
