import { Bytes } from '../../schemas/bytes.ts';
import type { Records } from '../../schemas/records.ts';
import type { SlabPool } from './slab-pool.ts';

/** Where the records of one lane gather, in the form that Kafka keeps them in, until they are sent. */
export class LaneSlab {
  readonly topic: string;
  readonly partition: number;
  readonly #limitBytes: number;
  readonly #pool: SlabPool;
  #out: Bytes | null = null;
  #size = 0; // What was needed the last time.
  #count = 0;

  /** What gathers is sent as one batch: the topic is to take `limitBytes` at once. */
  constructor(topic: string, partition: number, limitBytes: number, pool: SlabPool) {
    this.topic = topic;
    this.partition = partition;
    this.#limitBytes = limitBytes;
    this.#pool = pool;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether a record goes with what has gathered. Alone it always does. */
  hasRoom(key: Bytes | null, value: Bytes | null): boolean {
    return !this.#out || this.#out.at + (key?.at ?? 0) + (value?.at ?? 0) <= this.#limitBytes;
  }

  /** Adds a record and returns how many bytes it takes. `headers` are its headers as Kafka has them, their count first. */
  append(key: Bytes | null, value: Bytes | null, headers: Bytes = none): number {
    const out = (this.#out ??= new Bytes(this.#pool.take(this.#size)));
    const keyLength = key ? key.at : -1;
    const valueLength = value ? value.at : -1;
    const begun = out.at;
    const length =
      2 +
      headers.at +
      sizeOf(this.#count) +
      sizeOf(keyLength) +
      Math.max(keyLength, 0) +
      sizeOf(valueLength) +
      Math.max(valueLength, 0);
    out.room(length + 5);
    out.zigzag(length);
    out.byte(0); // No attributes.
    out.byte(0); // The batch's time is the record's.
    out.zigzag(this.#count++);
    out.zigzag(keyLength);
    if (key) out.add(key);
    if (value) out.addSized(value);
    else out.zigzag(valueLength);
    out.add(headers);
    return out.at - begun;
  }

  /** Hands over what has gathered. */
  take(): Records {
    const { topic, partition } = this;
    const bytes = this.#out?.view() ?? Buffer.alloc(0);
    const records = { topic, partition, count: this.#count, bytes };
    this.#size = bytes.length;
    this.#out = null;
    this.#count = 0;
    return records;
  }
}

const none = new Bytes(8);
none.zigzag(0);

/** How many bytes a zigzag integer takes. */
function sizeOf(value: number): number {
  const zigzag = value < 0 ? -2 * value - 1 : 2 * value;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}
