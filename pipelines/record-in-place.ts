import type { GovernedRecord } from '../schemas/governed-record.ts';

/** What records that follow each other share. */
export type Origin = Pick<GovernedRecord, 'topic' | 'table' | 'lane' | 'form'>;

/**
 * A governed record that leaves its key and value where they came, in the memory of a whole batch, and makes buffers of
 * them when it is asked. Tens of thousands wait to be written at once: what waits must be cheap to keep.
 */
export class RecordInPlace implements GovernedRecord {
  readonly #origin: Origin;
  readonly #offset: number; // Exact: no lane comes to 2 ** 53.
  readonly #memory: ArrayBufferLike;
  readonly #keyAt: number;
  readonly #keyLength: number; // Less than 0 where there is no key.
  readonly #valueAt: number;
  readonly #valueLength: number;

  constructor(origin: Origin, offset: bigint, key: Buffer | null, value: Buffer) {
    const [here, own] = inOneMemory(key, value);
    this.#origin = origin;
    this.#offset = Number(offset);
    this.#memory = own.buffer;
    this.#keyAt = here?.byteOffset ?? 0;
    this.#keyLength = here?.length ?? -1;
    this.#valueAt = own.byteOffset;
    this.#valueLength = own.length;
  }

  get topic(): string {
    return this.#origin.topic;
  }

  get table(): string {
    return this.#origin.table;
  }

  get lane(): number {
    return this.#origin.lane;
  }

  get form(): GovernedRecord['form'] {
    return this.#origin.form;
  }

  get offset(): bigint {
    return BigInt(this.#offset);
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : Buffer.from(this.#memory, this.#keyAt, this.#keyLength);
  }

  get value(): Buffer {
    return Buffer.from(this.#memory, this.#valueAt, this.#valueLength);
  }
}

/** A client may cut a batch that came in pieces: a key that lies elsewhere is brought to its value. */
function inOneMemory(key: Buffer | null, value: Buffer): readonly [Buffer | null, Buffer] {
  if (key === null || key.buffer === value.buffer) return [key, value];
  const both = Buffer.concat([key, value]);
  return [both.subarray(0, key.length), both.subarray(key.length)];
}
