import type { DeadLetter } from '../schemas/dead-letter.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Sink } from './flow/sink.ts';
import type { Gatherer } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

/** A key of a table, in its lane. */
export interface HeldKey {
  readonly table: string;
  readonly lane: number;
  readonly key: Buffer | null;
}

/**
 * Keys of which a letter is open: what comes later of such a key is refused, too, until all of its letters have come again
 * or are given up. Known lane by lane, from the letters that there are when a lane is taken up.
 */
export class HeldKeys {
  readonly #hash: (key: Buffer) => string;
  readonly #lanes = new Map<string, Map<string, Set<string>>>(); // Ids of letters, by table and lane, and by key.

  constructor(hash: (key: Buffer) => string) {
    this.#hash = hash;
  }

  /** Whether a change has to wait. Where no key of its lane is held, it costs nothing to ask. */
  holds({ table, lane, key }: HeldKey): boolean {
    const keys = key && this.#lanes.get(laneName(table, lane));
    return Boolean(keys && keys.size > 0 && keys.has(this.#hash(key)));
  }

  /** From now on its key waits for this letter. */
  hold({ table, lane, key }: HeldKey, letter: string): void {
    if (key) this.holdHash(table, lane, this.#hash(key), letter);
  }

  /** The same, where only the hash of the key is known. */
  holdHash(table: string, lane: number, hash: string, letter: string): void {
    const name = laneName(table, lane);
    const keys = this.#lanes.get(name) ?? new Map<string, Set<string>>();
    this.#lanes.set(name, keys);
    const letters = keys.get(hash) ?? new Set();
    keys.set(hash, letters.add(letter));
  }

  /** This letter has come again, or was given up. */
  release({ table, lane, key }: HeldKey, letter: string): void {
    const keys = key && this.#lanes.get(laneName(table, lane));
    if (!keys || keys.size === 0) return;
    const hash = this.#hash(key);
    const letters = keys.get(hash);
    letters?.delete(letter);
    if (letters?.size === 0) keys.delete(hash);
  }

  /** Forgets all: the lanes are others' by now. */
  clear(): void {
    this.#lanes.clear();
  }
}

const laneName = (table: string, lane: number): string => `${table}/${lane}`;

/** How a pipeline that holds keys finds the key of what it was given, and the letter that it becomes. */
export interface Holding<T> {
  readonly held: HeldKeys;
  readonly keyOf: (value: T) => HeldKey;
  readonly letterOf: (value: T, refusal: Refusal) => Pick<DeadLetter, 'id'>;
  /** The letter that it comes from, if it comes again. */
  readonly comesFrom: (value: T) => string | null;
}

/** What is refused holds its key; what comes later of that is refused before it is looked at. */
export function holdingGatherer<In, Out>(
  inner: Gatherer<In, Out>,
  holding: Holding<In>,
): Gatherer<In, Out> {
  const { held, keyOf, letterOf, comesFrom } = holding;
  return {
    add(value) {
      const letter = comesFrom(value);
      const key = keyOf(value);
      try {
        if (letter === null && held.holds(key)) throw waits(key);
        inner.add(value);
      } catch (refusal) {
        if (refusal instanceof Refusal) held.hold(key, letterOf(value, refusal).id);
        throw refusal;
      } finally {
        if (letter !== null) held.release(key, letter);
      }
    },
    take: () => inner.take(),
  };
}

/** The same for what a sink refuses: batches are cut in halves, in order, until every value went or was refused. */
export function holdingSink<T>(inner: Sink<T>, holding: Holding<T>): Sink<T> {
  const { held, keyOf, letterOf, comesFrom } = holding;
  return {
    name: inner.name,
    prepare: (batch) => inner.prepare?.(batch),
    async write(batch, meanwhile) {
      const waiting = batch.find((value) => comesFrom(value) === null && held.holds(keyOf(value)));
      const [only] = batch.length === 1 ? batch : [];
      try {
        if (waiting) throw waits(keyOf(waiting));
        await inner.write(batch, meanwhile);
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal;
        if (only === undefined) throw refusal;
        held.hold(keyOf(only), letterOf(only, refusal).id);
        released(only);
        throw refusal;
      }
      for (const value of batch) released(value);
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };

  function released(value: T): void {
    const letter = comesFrom(value);
    if (letter !== null) held.release(keyOf(value), letter);
  }
}

const waits = ({ table }: HeldKey) =>
  new Refusal(
    'held',
    `table ${table}: an earlier change of its key is a dead letter; replay or waive that, and this comes with it`,
  );

/** The key of a record, by the table whose topic it is of. */
export const keyOfRecord = (
  { topic, partition, key }: Received,
  tableOf: (topic: string) => string,
): HeldKey => ({ table: tableOf(topic), lane: partition, key });
