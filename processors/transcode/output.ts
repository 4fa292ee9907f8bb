import type { Refused } from '../../pipelines/flow/stage.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import type { Records } from '../../schemas/records.ts';
import type { KeptChange } from './kept-change.ts';
import { LaneSlab } from './lane-slab.ts';
import type { SlabPool } from './slab-pool.ts';

/** What capture makes of the WAL: records that are ready to be sent, and changes that can never pass. */
export type Captured = Records | Refused<KeptChange>;

const batchBytes = 512 * 1024;

/** Gathers records lane by lane until they are taken, all at once. */
export class Output {
  readonly #pool: SlabPool;
  readonly #limitOf: (topic: string) => number;
  readonly #topics = new Map<string, LaneSlab[]>();
  #filled: LaneSlab[] = [];
  #full: Records[] = []; // Cut off from lanes that are being filled again.
  #refused: Refused<KeptChange>[] = [];
  #bytes = 0;
  #rows = 0;

  /** `limitOf` says how much a topic takes at once. */
  constructor(pool: SlabPool, limitOf: (topic: string) => number = () => batchBytes) {
    this.#pool = pool;
    this.#limitOf = limitOf;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  /** The lanes of a topic. */
  lanes(topic: string, count: number): readonly LaneSlab[] {
    let lanes = this.#topics.get(topic);
    if (!lanes) {
      const bytes = Math.min(batchBytes, this.#limitOf(topic));
      lanes = Array.from(
        { length: count },
        (_, lane) => new LaneSlab(topic, lane, bytes, this.#pool),
      );
      this.#topics.set(topic, lanes);
    }
    return lanes;
  }

  /** Adds a record to its lane. What the broker takes as one must not grow past what it takes. */
  append(slab: LaneSlab, key: Bytes | null, value: Bytes | null, headers?: Bytes): void {
    if (!slab.hasRoom(key, value)) this.#full.push(slab.take());
    else if (slab.isEmpty) this.#filled.push(slab);
    this.#bytes += slab.append(key, value, headers);
    this.#rows++;
  }

  refuse(refused: Refused<KeptChange>, bytes: number): void {
    this.#refused.push(refused);
    this.#bytes += bytes;
    this.#rows++;
  }

  take(): { readonly values: readonly Captured[]; readonly bytes: number } {
    const values: Captured[] = [...this.#full, ...this.#filled.map((slab) => slab.take())];
    this.#full = [];
    values.push(...this.#refused);
    const bytes = this.#bytes;
    this.#filled = [];
    this.#refused = [];
    this.#bytes = 0;
    this.#rows = 0;
    return { values, bytes };
  }
}
