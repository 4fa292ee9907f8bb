import { ActiveRun } from './active-run.ts';
import type { Base, Run, Runs } from './runs.ts';

/** What a run is told when it begins. */
interface Beginning {
  readonly baseNow: () => Base;
  /** The number that the source's next transaction gets. */
  readonly horizon: () => Promise<number>;
}

/** The runs that are under way, as people want them. */
export class ActiveRuns {
  readonly #runs: Runs;
  readonly #beginning: Beginning;
  readonly #active = new Map<number, ActiveRun>();
  #looking: Promise<void> = Promise.resolve(); // One after the other: a run that is found twice would be read twice.

  constructor(runs: Runs, beginning: Beginning) {
    this.#runs = runs;
    this.#beginning = beginning;
  }

  get isAny(): boolean {
    return this.#active.size > 0;
  }

  [Symbol.iterator](): Iterator<ActiveRun> {
    return this.#active.values();
  }

  get(id: number): ActiveRun | undefined {
    return this.#active.get(id);
  }

  /** Ends a run; false if it has ended already. */
  delete(id: number): boolean {
    return this.#active.delete(id);
  }

  /** Looks for runs that were asked for, paused, resumed or cancelled. */
  look(): Promise<void> {
    this.#looking = this.#looking.catch(() => {}).then(() => this.#lookOnce());
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    for (const run of await this.#runs.unfinished()) {
      const active = this.#active.get(run.id);
      if (active && run.status !== 'cancelled' && run.status !== 'failed') {
        active.isPaused = run.status === 'paused';
        if (run.status === 'waiting') await this.#begin(run);
      } else if (active) this.#active.delete(run.id);
      else if (run.status === 'paused') (await this.#activate(run)).isPaused = true;
      else if (run.status === 'waiting' || run.status === 'running') {
        // Only now is it certain that it has not ended while it was being looked up.
        if (await this.#begin(run)) await this.#activate(run);
      }
    }
  }

  #begin({ id, base }: Run): Promise<boolean> {
    return this.#runs.begin(id, base ?? this.#beginning.baseNow());
  }

  async #activate(run: Run): Promise<ActiveRun> {
    const isNew = run.condition === null && run.parts.length === 0;
    const active = new ActiveRun(run, isNew ? await this.#beginning.horizon() : null);
    this.#active.set(run.id, active);
    return active;
  }
}
