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
  readonly #paid = new Map<string, boolean>(); // By place, month and revision: what the ledger has said.
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

  async decide(tx: Queryable, candidate: Candidate): Promise<'budget' | null> {
    const { place, window, running } = candidate;
    const name = placeName(place);
    if (!(await this.#isPaid(tx, candidate))) {
      this.#running.delete(name); // What was not published is in no total either.
      this.#changed.set(name, null);
      return 'budget';
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

  async #isPaid(tx: Queryable, { place, planned, window }: Candidate): Promise<boolean> {
    const { dataset, dp, budget } = this.#plan;
    const { revision, cost } = planned;
    const { month } = window;
    const name = JSON.stringify([placeName(place), month, revision]);
    let paid = this.#paid.get(name);
    if (paid === undefined) {
      const { epsilon, mechanism } = dp;
      const promise = { dataset, month, revision, mechanism, epsilon, budget, cost };
      paid = await spend(tx, { ...place, ...promise });
      this.#paid.set(name, paid);
    }
    return paid;
  }
}
