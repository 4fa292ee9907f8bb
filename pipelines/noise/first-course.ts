import type { Queryable } from '@databases/pg';
import type { Plan } from '../../processors/noise/plan.ts';
import type { Running } from '../../processors/noise/release.ts';
import type { Candidate, Course } from './course.ts';
import { spend } from './ledger.ts';
import { inputsOf, type NoiseState, type Place, placeName, type Release } from './noise-state.ts';

/** Windows that nobody has decided: each month of a query is paid for before anything of it is published. */
export class FirstCourse implements Course {
  readonly #plan: Plan;
  readonly #state: NoiseState;
  readonly #session: Queryable;
  readonly #running: Map<string, Running>;
  readonly #paid = new Map<string, 'before' | null>(); // By place, month and revision: what the ledger says by now.
  readonly #changed = new Map<string, Running | null>();
  #releases: Release[] = [];

  constructor(plan: Plan, state: NoiseState, session: Queryable, running: Map<string, Running>) {
    this.#plan = plan;
    this.#state = state;
    this.#session = session;
    this.#running = running;
  }

  before(place: Place): Running | null {
    return this.#running.get(placeName(place)) ?? null;
  }

  windowsOf(month: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#state.windowsOf(this.#session, month, names);
  }

  async decide(tx: Queryable, candidate: Candidate): Promise<'budget' | 'interrupted' | null> {
    const { place, window, running } = candidate;
    const name = placeName(place);
    const withheld = await this.#withheld(tx, candidate);
    if (withheld) {
      this.#running.delete(name); // What was not published is in no total either.
      this.#changed.set(name, null);
      return withheld;
    }
    this.#running.set(name, running);
    this.#changed.set(name, running);
    this.#releases.push({ place, from: window.from, inputs: inputsOf(running) });
    return null;
  }

  count(tx: Queryable, month: string, names: readonly string[]): Promise<void> {
    return this.#state.count(tx, month, names);
  }

  async save(tx: Queryable): Promise<void> {
    await this.#state.keep(tx, this.#changed);
    await this.#state.release(tx, this.#releases);
    this.#changed.clear();
    this.#releases = [];
  }

  /**
   * Sums that begin within a month which was paid for before would use its noise once more, over other windows: what
   * is published then, less what was published before, is exact.
   */
  async #withheld(tx: Queryable, candidate: Candidate): Promise<'budget' | 'interrupted' | null> {
    const { running, window } = candidate;
    const paid = await this.#payment(tx, candidate);
    if (paid === null) return 'budget';
    return paid === 'before' && running.monthFrom === window.from ? 'interrupted' : null;
  }

  async #payment(
    tx: Queryable,
    { place, planned, window }: Candidate,
  ): Promise<'now' | 'before' | null> {
    const { dataset, dp, budget } = this.#plan;
    const { revision, cost } = planned;
    const { month } = window;
    const name = JSON.stringify([placeName(place), month, revision]);
    const known = this.#paid.get(name);
    if (known !== undefined) return known;
    const { epsilon, mechanism } = dp;
    const promise = { dataset, month, revision, mechanism, epsilon, budget, cost };
    const paid = await spend(tx, { ...place, ...promise });
    this.#paid.set(name, paid && 'before');
    return paid;
  }
}
