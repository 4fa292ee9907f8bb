import { epsilons } from '../../contracts/dp.ts';

/** A measure that a wave waits for. */
export interface Monitor {
  readonly name: string;
  readonly states: readonly MonitorState[];
}

/** What one series says; red tells what is wrong. */
export interface MonitorState {
  readonly series: string;
  readonly value: number;
  readonly red: string | null;
}

interface Watched {
  readonly name: string;
  readonly metrics: readonly string[];
  readonly isGreen: (value: number) => boolean;
  readonly red: string;
}

/** As contracts/alerts has them. */
const watched: readonly Watched[] = [
  {
    name: 'k-anonymity',
    metrics: ['conductor_anon_smallest_region', 'conductor_anon_k'],
    isGreen: (value) => value >= 5,
    red: 'tells of fewer than 5 subjects together',
  },
  {
    name: 'differential privacy',
    metrics: ['conductor_dp_epsilon'],
    isGreen: (value) => epsilons.some((epsilon) => epsilon === value),
    red: `ε is none of ${epsilons.join(', ')}`,
  },
  {
    name: 'canaries',
    metrics: ['conductor_canary_sighted_total'],
    isGreen: (value) => value === 0,
    red: 'a value that was to be sealed stood in the clear',
  },
  {
    name: 'policy',
    metrics: ['conductor_policy_failed'],
    isGreen: (value) => value === 0,
    red: 'a revision cannot be evaluated',
  },
];

/** What the texts of several /metrics say of what a wave waits for. What is not a number is red. */
export function monitorsIn(texts: readonly string[]): readonly Monitor[] {
  const series = texts.flatMap((text) => text.split('\n').flatMap(seriesOf));
  return watched.map(({ name, metrics, isGreen, red }) => ({
    name,
    states: series
      .filter(({ metric }) => metrics.includes(metric))
      .map(({ metric, labels, value }) => ({
        series: `${metric}${labels}`,
        value,
        red: isGreen(value) ? null : red,
      })),
  }));
}

/** Why nobody may be moved on now; empty where all is well. Who is not watched is not moved. */
export function redOf(monitors: readonly Monitor[]): readonly string[] {
  const reds = monitors.flatMap(({ name, states }) =>
    states.flatMap(({ series, value, red }) =>
      red ? [`${name}: ${red} (${series} ${value})`] : [],
    ),
  );
  const policy = monitors.find(({ name }) => name === 'policy');
  if (!policy || policy.states.length === 0)
    reds.push('policy: no worker of api.monitors tells whether it can be evaluated');
  return reds;
}

function seriesOf(line: string) {
  const [, metric, labels = '', value] = /^(\w+)(\{.*\})? (\S+)/.exec(line) ?? [];
  return metric === undefined ? [] : [{ metric, labels, value: Number(value) }];
}
