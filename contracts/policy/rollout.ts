import { z } from 'zod';
import { jsonOf } from '../json-text.ts';
import { parseBundle, type PolicyBundle, PolicyFailure } from './bundle.ts';

/** Which revision decides, and which one runs beside it; null stands for the bundle that a worker came with, or none. */
export interface PolicyState {
  readonly active: string | null;
  readonly shadow: string | null;
}

export const stateKey = 'state';
export const bundleKey = (revision: string): string => `bundle/${revision}`;

const state = z.object({ active: z.string().nullable(), shadow: z.string().nullable() });

/** What the topic of policies holds: the newest of each key counts. */
export class Rollout {
  readonly #bundles = new Map<string, string>();
  #state: PolicyState = { active: null, shadow: null };

  get state(): PolicyState {
    return this.#state;
  }

  /** The revisions that were published. */
  get revisions(): readonly string[] {
    return [...this.#bundles.keys()];
  }

  /** Takes up a record of the topic. What is no record of ours changes nothing. */
  take(key: string, value: string | null): void {
    const revision = /^bundle\/(.+)$/.exec(key)?.[1];
    if (revision && value === null) this.#bundles.delete(revision);
    else if (revision && value !== null) this.#bundles.set(revision, value);
    else if (key === stateKey && value !== null) {
      const found = state.safeParse(jsonOf(value));
      if (found.success) this.#state = found.data;
    }
  }

  /** A published revision; throws `PolicyFailure` if it is not there, or damaged. */
  bundle(revision: string): PolicyBundle {
    const text = this.#bundles.get(revision);
    if (text === undefined)
      throw new PolicyFailure({
        what: `there is no revision ${revision} of the policies`,
        where: 'the topic of policies',
        fix: 'conductor policy list shows those that are published; conductor policy publish adds one',
      });
    const bundle = parseBundle(text, `revision ${revision}, as it was published`);
    if (bundle.revision === revision) return bundle;
    throw new PolicyFailure({
      what: `what was published as revision ${revision} is ${bundle.revision}`,
      where: 'the topic of policies',
      fix: 'conductor policy publish the bundle again',
    });
  }
}
