import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { wrappedLength } from './key-wrapping.ts';
import { KeyringError } from './keyring-error.ts';
import { type Syncing, syncing } from './syncing.ts';
import { appendWhole, truncateTorn } from './torn.ts';

/** What a record says: here is a subject's key, a key was replaced, or a subject is erased. */
export const kinds = { head: 0x52, subject: 1, replaced: 2, erased: 3 } as const;

export const nameLength = 16;
export const idLength = 8;
const slotLength = idLength + wrappedLength;
const ownerAt = 8;
const refAt = ownerAt + nameLength;
const slotsAt = refAt + nameLength;

/** How long a record is: kind, time, whose it is, its own name, and twice a key's id and itself wrapped by that key. */
const recordLength = slotsAt + 2 * slotLength;

const recordsAtOnce = 4_096;
const nothing = Buffer.alloc(slotLength);

/** A subject's key wrapped by a key of its tenant. */
export interface Slot {
  readonly by: string; // The id of the key that wraps it, in hex.
  readonly wrapped: Buffer;
}

export interface NewRecord {
  readonly kind: number;
  readonly at: number; // Seconds.
  readonly owner?: Buffer;
  readonly ref?: Buffer;
  readonly slot?: Slot;
}

/** The bytes of a record. */
export function recordOf({ kind, at, owner, ref, slot }: NewRecord): Buffer {
  const record = Buffer.alloc(recordLength);
  record[0] = kind;
  record.writeUInt32BE(at, 4);
  owner?.copy(record, ownerAt);
  ref?.copy(record, refAt);
  if (slot) bytesOf(slot).copy(record, slotsAt);
  return record;
}

/** What the file begins with. */
export const headRecord = (): Buffer => {
  const record = Buffer.alloc(recordLength);
  record.write('Ring of keys, 2\n');
  return record;
};

export const kindOf = (record: Buffer): number => record[0] ?? 0;
export const ownerOf = (record: Buffer): Buffer => record.subarray(ownerAt, refAt);
export const refOf = (record: Buffer): Buffer => record.subarray(refAt, slotsAt);

/** The key wrapped by one key, by two, or, once it is destroyed, by none. */
export function slotsOf(record: Buffer): readonly (Slot & { readonly number: 0 | 1 })[] {
  return ([0, 1] as const).flatMap((number) => {
    const at = slotsAt + number * slotLength;
    const slot = record.subarray(at, at + slotLength);
    if (slot.equals(nothing)) return [];
    return { number, by: slot.toString('hex', 0, idLength), wrapped: slot.subarray(idLength) };
  });
}

const bytesOf = ({ by, wrapped }: Slot): Buffer => Buffer.concat([Buffer.from(by, 'hex'), wrapped]);

/**
 * Subjects' keys in one append-only file of fixed records, which several processes share: a record is one
 * write, and their order is the same for all. Within a record only an administrator of the ring writes:
 * a slot that is not in use, or zeros.
 */
export class SubjectLog implements Disposable {
  readonly path: string;
  readonly disk: Syncing;
  readonly #end: number;
  readonly #within: number;
  readonly #chunk = Buffer.alloc(recordLength * recordsAtOnce);
  readonly #one = Buffer.alloc(recordLength);
  #read = 0; // Records.

  constructor(path: string) {
    this.path = path;
    truncateTorn(path, (end, size) => end.length - (size % recordLength));
    this.#end = openSync(path, 'a', 0o600);
    this.#within = openSync(path, 'r+');
    this.disk = syncing(this.#within);
  }

  get count(): number {
    return this.#read;
  }

  append(record: Buffer): void {
    this.disk.written();
    appendWhole(this.path, this.#end, record);
  }

  /** Tells the records that were not read yet, whoever wrote them; how many there were. */
  readOn(learn: (number: number, record: Buffer) => void): number {
    const from = this.#read;
    this.scan(from, Infinity, (number, record) => {
      if (number === 0 && kindOf(record) !== kinds.head)
        throw new KeyringError(`${this.path} is no keyring of this version of Conductor`);
      if (number > 0) {
        learn(number, record);
        this.disk.written(); // Whoever wrote it may not have synced it yet.
      }
      this.#read = number + 1; // Not before: what could not be learned is to be read again.
    });
    return this.#read - from;
  }

  /** Shows records in order, each valid until the next. */
  scan(from: number, to: number, show: (number: number, record: Buffer) => void): void {
    const chunk = from === this.#read ? this.#chunk : Buffer.alloc(this.#chunk.length);
    for (let next = from; next < to;) {
      const length = readSync(this.#within, chunk, 0, chunk.length, next * recordLength);
      const whole = Math.min(Math.floor(length / recordLength), to - next);
      for (let n = 0; n < whole; n++)
        show(next + n, chunk.subarray(n * recordLength, (n + 1) * recordLength));
      next += whole;
      if (whole < recordsAtOnce) return;
    }
  }

  /** One record as it is now, valid until the next is asked for. */
  at(number: number): Buffer {
    readSync(this.#within, this.#one, 0, recordLength, number * recordLength);
    return this.#one;
  }

  setSlot(number: number, place: 0 | 1, slot: Slot): void {
    this.disk.written();
    const at = number * recordLength + slotsAt + place * slotLength;
    writeSync(this.#within, bytesOf(slot), 0, slotLength, at);
  }

  /** Overwrites the key of a record: it is destroyed. */
  clear(number: number): void {
    this.disk.written();
    const at = number * recordLength + slotsAt;
    writeSync(this.#within, Buffer.alloc(2 * slotLength), 0, 2 * slotLength, at);
  }

  [Symbol.dispose](): void {
    closeSync(this.#end);
    closeSync(this.#within);
  }
}
