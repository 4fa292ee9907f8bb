import { Counter, Gauge, type Registry } from 'prom-client';

/** What is counted of datasets that are published with noise. Nothing in it is of a subject. */
export interface NoiseMetrics {
  /** What of each dataset may be lost of a subject in a month: the alert on what is no preset stands on it. */
  readonly epsilon: Gauge<'dataset'>;
  readonly spent: Gauge<'dataset'>;
  readonly published: Counter<'dataset'>;
  readonly withheld: Counter<'dataset' | 'reason'>;
  readonly leftOut: Counter<'dataset'>;
}

/** Makes them: workers without such datasets have none. */
export function noiseMetrics(registry: Registry): NoiseMetrics {
  const registers = [registry];
  const labelNames = ['dataset'] as const;
  return {
    epsilon: new Gauge({
      name: 'conductor_dp_epsilon',
      help: 'ε of a dataset, for a subject and a month.',
      labelNames,
      registers,
    }),
    spent: new Gauge({
      name: 'conductor_dp_spent_ratio',
      help: 'Share of the budget of the present month that is spent; of tenants, that of the one that has spent most.',
      labelNames,
      registers,
    }),
    published: new Counter({
      name: 'conductor_dp_published_total',
      help: 'Noisy values that were published.',
      labelNames,
      registers,
    }),
    withheld: new Counter({
      name: 'conductor_dp_withheld_total',
      help: 'Windows of queries that were not published, for their budget is spent or they were published before of other inputs.',
      labelNames: ['dataset', 'reason'],
      registers,
    }),
    leftOut: new Counter({
      name: 'conductor_dp_left_out_total',
      help: 'Contributions that did not count, because their subject had counted as much as it may.',
      labelNames,
      registers,
    }),
  };
}
