import { Counter, Gauge, type Registry } from 'prom-client';

/** What a pipeline says of the policies that it works by. */
export interface PolicyCounters {
  /** The revision that decides now. */
  active(revision: string): void;
  /** Whether a revision was asked for that cannot be used, so that an older one goes on. */
  failed(role: 'active' | 'shadow', now: boolean): void;
  /** How many columns the shadow revision decides otherwise. */
  differs(columns: number): void;
  /** Changes that were published, and those of them that the shadow revision would have made otherwise. */
  shadowed(changes: number, different: number): void;
}

/** The metrics of policies; `conductor_policy_failed` is what the alert "policy evaluation failing" stands on. */
export function policyMetrics(registry: Registry): (pipeline: string) => PolicyCounters {
  const registers = [registry];
  const active = new Gauge({
    name: 'conductor_policy_active',
    help: 'The revision of the policies that decides (1).',
    labelNames: ['pipeline', 'revision'],
    registers,
  });
  const failed = new Gauge({
    name: 'conductor_policy_failed',
    help: 'Whether a revision was asked for that cannot be evaluated (1), so that the one before it goes on.',
    labelNames: ['pipeline', 'role'],
    registers,
  });
  const differs = new Gauge({
    name: 'conductor_policy_diff_columns',
    help: 'Columns that the shadow revision decides otherwise.',
    labelNames: ['pipeline'],
    registers,
  });
  const shadowed = new Counter({
    name: 'conductor_policy_shadowed_total',
    help: 'Changes that were governed while a shadow revision ran beside.',
    labelNames: ['pipeline'],
    registers,
  });
  const different = new Counter({
    name: 'conductor_policy_diff_total',
    help: 'Changes that the shadow revision would have published otherwise.',
    labelNames: ['pipeline'],
    registers,
  });
  const named = new Map<string, string>();
  return (pipeline) => ({
    active(revision) {
      const before = named.get(pipeline);
      if (before !== undefined) active.remove({ pipeline, revision: before });
      named.set(pipeline, revision);
      active.set({ pipeline, revision }, 1);
    },
    failed: (role, now) => failed.set({ pipeline, role }, now ? 1 : 0),
    differs: (columns) => differs.set({ pipeline }, columns),
    shadowed(changes, others) {
      shadowed.inc({ pipeline }, changes);
      different.inc({ pipeline }, others);
    },
  });
}
