import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { TenantState } from '../rollout/rollout.ts';

/** What the API host counts. */
export interface ApiMetrics {
  readonly call: (field: string, outcome: 'allowed' | 'denied' | 'unavailable') => void;
  tokenRefused(check: string): void;
  answered(seconds: number): void;
  /** A column that policy would treat otherwise than its contract, seen for a tenant in shadow. */
  shadowDiff(table: string, column: string, action: string): void;
  redacted(table: string, columns: number): void;
  /** Where the tenants are is asked for whenever somebody reads the metrics. */
  rollout(all: () => Promise<readonly TenantState[]>): void;
}

export function apiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
  const calls = new Counter({
    name: 'conductor_api_calls_total',
    help: 'Calls of fields, by what became of them.',
    labelNames: ['field', 'outcome'],
    registers,
  });
  const refusedTokens = new Counter({
    name: 'conductor_api_tokens_refused_total',
    help: 'Tokens that were not taken, by the check that they did not pass.',
    labelNames: ['check'],
    registers,
  });
  const seconds = new Histogram({
    name: 'conductor_api_request_seconds',
    help: 'How long requests took.',
    buckets: [0.005, 0.02, 0.1, 0.35, 0.7, 2, 10],
    registers,
  });
  const diffs = new Counter({
    name: 'conductor_privacy_shadow_diffs_total',
    help: 'Columns of answers that policy would have treated otherwise, for tenants in shadow.',
    labelNames: ['table', 'column', 'action'],
    registers,
  });
  const redacted = new Counter({
    name: 'conductor_api_redacted_fields_total',
    help: 'Fields of rows that were made less when they were read.',
    labelNames: ['table'],
    registers,
  });
  return {
    call: (field, outcome) => calls.inc({ field, outcome }),
    tokenRefused: (check) => refusedTokens.inc({ check }),
    answered: (took) => seconds.observe(took),
    shadowDiff: (table, column, action) => diffs.inc({ table, column, action }),
    redacted: (table, columns) => redacted.inc({ table }, columns),
    rollout(all) {
      const tenants: Gauge<'state'> = new Gauge({
        name: 'conductor_privacy_rollout_tenants',
        help: 'Tenants that were ever moved, by where they are.',
        labelNames: ['state'],
        registers,
        collect: async () => {
          const states = (await all().catch(() => null))?.map(({ state }) => state);
          tenants.reset(); // What is not known is not told.
          for (const state of states ? (['off', 'shadow', 'on'] as const) : [])
            tenants.set({ state }, states?.filter((each) => each === state).length ?? 0);
        },
      });
    },
  };
}
