import type { Received } from '../../pipelines/topic/received.ts';
import { Automaton } from './automaton.ts';
import type { Canary } from './canary-file.ts';
import { spellings } from './spellings.ts';

/** Where a canary showed: its name and its place, never its value. */
export interface Sighting {
  readonly canary: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly part: 'key' | 'value' | 'header';
}

/** Tells which canaries stand in a record in the clear, in whatever part and spelling. */
export class Watchman {
  readonly #names: readonly string[];
  readonly #automaton: Automaton;

  constructor(canaries: readonly Canary[]) {
    this.#names = canaries.map(({ name }) => name);
    this.#automaton = new Automaton(
      canaries.flatMap(({ value }, id) => spellings(value).map((bytes) => ({ bytes, id }))),
    );
  }

  look({ topic, partition, offset, key, value, headers }: Received): readonly Sighting[] {
    const sightings: Sighting[] = [];
    const lookAt = (part: Sighting['part'], bytes: Buffer | null) => {
      if (!bytes) return;
      for (const id of this.#automaton.find(bytes))
        sightings.push({
          canary: this.#names[id] ?? '',
          topic,
          partition,
          offset: `${offset}`,
          part,
        });
    };
    lookAt('key', key);
    lookAt('value', value);
    for (const [name, text] of headers) {
      lookAt('header', name);
      lookAt('header', text);
    }
    return sightings;
  }
}
