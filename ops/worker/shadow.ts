import type { PolicyBundle } from '../../contracts/policy/bundle.ts';
import { loadPolicy, type Policy } from '../../contracts/policy/policy.ts';
import { policyDiffsTopic } from '../../contracts/topics.ts';
import type { Watching } from '../../pipelines/govern.ts';
import { type DiffReport, diffsOf } from '../policy/diffs.ts';
import { writeKeyed } from '../policy/rollout-topic.ts';
import type { Setting } from './setting.ts';

type Diff = Omit<DiffReport, 'at' | 'changes'> & { changes: number };

/**
 * A revision that runs beside the active one and decides nothing: it counts what it would have published
 * otherwise. Whatever is wrong with it is its own.
 */
export class Shadow {
  readonly #setting: Setting;
  readonly #diffs: ReadonlyMap<string, readonly Diff[]>;
  readonly #owners: ReadonlySet<string>;
  #seen = 0;
  #different = 0;
  #isTold = false; // Which columns it decides otherwise.

  private constructor(setting: Setting, active: Policy, shadow: Policy) {
    const { config, contracts } = setting;
    const found = diffsOf(contracts, config.govern, { active, shadow });
    this.#setting = setting;
    this.#owners = new Set([...active.tenants, ...shadow.tenants]);
    this.#diffs = Map.groupBy(
      found.map((diff): Diff => ({ ...diff, changes: 0 })),
      ({ table }) => table,
    );
    setting.counters.policy.differs(found.length);
  }

  /** Evaluates a revision for every table beside the active one; throws if it cannot be evaluated. */
  static async load(setting: Setting, active: Policy, bundle: PolicyBundle): Promise<Shadow> {
    return new Shadow(setting, active, await loadPolicy(bundle));
  }

  /** Counts what leaves by the active revision. */
  readonly saw: Watching = (table, tenant) => {
    this.#seen++;
    const diffs = this.#diffs.get(table);
    if (!diffs) return;
    const owner = tenant !== null && this.#owners.has(tenant) ? tenant : null;
    let isDifferent = false;
    for (const diff of diffs)
      if (diff.tenant === owner) {
        diff.changes++;
        isDifferent = true;
      }
    if (isDifferent) this.#different++;
  };

  /** Writes what was counted since the last report; the first one tells all diffs, touched or not. */
  async report(): Promise<void> {
    const { kafka, config } = this.#setting;
    this.#setting.counters.policy.shadowed(this.#seen, this.#different);
    this.#seen = this.#different = 0;
    const at = new Date().toISOString();
    const due = [...this.#diffs.values()]
      .flat()
      .filter(({ changes }) => !this.#isTold || changes > 0);
    if (due.length === 0) return;
    const counted = due.map((diff) => ({ diff, report: { at, ...diff } }));
    for (const { diff } of counted) diff.changes = 0; // Another report may begin before this one is written.
    const texts = counted.map(({ report }) => {
      const { shadow, table, tenant, column } = report;
      return [JSON.stringify([shadow, table, tenant, column]), JSON.stringify(report)] as const;
    });
    try {
      await writeKeyed(kafka, policyDiffsTopic(config.policy.topic), texts);
      this.#isTold = true;
    } catch (error) {
      for (const { diff, report } of counted) diff.changes += report.changes;
      throw error;
    }
  }
}
