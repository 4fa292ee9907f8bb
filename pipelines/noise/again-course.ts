import type { Queryable } from '@databases/pg';
import type { Running } from '../../processors/noise/release.ts';
import type { Candidate, Course } from './course.ts';
import { inputsOf, type NoiseState, type Place, placeName } from './noise-state.ts';

/**
 * Windows that were decided before and come once more. Of the same inputs they are the same bytes, and spend nothing; of
 * others they are withheld, and what was published stays.
 */
export class AgainCourse implements Course {
  readonly #state: NoiseState;
  readonly #running = new Map<string, Running>();
  readonly #counted = new Map<string, number>();
  #month = '';

  constructor(state: NoiseState) {
    this.#state = state;
  }

  before(place: Place): Running | null {
    return this.#running.get(placeName(place)) ?? null;
  }

  async windowsOf(month: string): Promise<ReadonlyMap<string, number>> {
    return month === this.#month ? this.#counted : new Map();
  }

  async decide(
    tx: Queryable,
    { place, window, running }: Candidate,
  ): Promise<'second-release' | 'not asked' | null> {
    const published = await this.#state.releasedOf(tx, place, window.from);
    const name = placeName(place);
    if (published === null) this.#running.delete(name);
    else this.#running.set(name, running);
    if (published === null) return 'not asked';
    return published === inputsOf(running) ? null : 'second-release';
  }

  async count(_: Queryable, month: string, names: readonly string[]): Promise<void> {
    if (month !== this.#month) this.#counted.clear();
    this.#month = month;
    for (const name of names) this.#counted.set(name, (this.#counted.get(name) ?? 0) + 1);
  }

  async save(): Promise<void> {}
}
