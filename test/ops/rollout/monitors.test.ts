import { expect, test } from 'vitest';
import { monitorsIn, redOf } from '../../../ops/rollout/monitors.ts';

const well = `# HELP conductor_policy_failed Whether …
conductor_policy_failed{pipeline="govern",role="active"} 0
conductor_anon_k{dataset="visits"} 5
conductor_anon_smallest_region{dataset="visits"} 7
conductor_dp_epsilon{dataset="visits"} 2
conductor_canary_sighted_total{canary="one"} 0
`;

test('nobody is red where all is well', () => {
  expect(redOf(monitorsIn([well]))).toEqual([]);
});

test.for([
  [
    'conductor_policy_failed{pipeline="govern",role="active"} 0',
    'conductor_policy_failed{pipeline="govern",role="shadow"} 1',
    /policy/,
  ],
  [
    'conductor_anon_k{dataset="visits"} 5',
    'conductor_anon_k{dataset="visits"} 4',
    /k-anonymity.*visits.* 4/,
  ],
  [
    'conductor_anon_smallest_region{dataset="visits"} 7',
    'conductor_anon_smallest_region{dataset="visits"} 1',
    /k-anonymity/,
  ],
  ['conductor_dp_epsilon{dataset="visits"} 2', 'conductor_dp_epsilon{dataset="visits"} 3', /ε/],
  ['conductor_dp_epsilon{dataset="visits"} 2', 'conductor_dp_epsilon{dataset="visits"} NaN', /ε/],
  [
    'conductor_canary_sighted_total{canary="one"} 0',
    'conductor_canary_sighted_total{canary="one"} 1',
    /canaries/,
  ],
] as const)('%s, and then %s', ([green, red, says]) => {
  const [why = '', ...others] = redOf(monitorsIn([well, well.replace(green, red)]));
  expect(why).toMatch(says);
  expect(others).toEqual([]);
});

test('where nobody tells of policy, nobody knows', () => {
  expect(redOf(monitorsIn([]))).toHaveLength(1);
  expect(redOf(monitorsIn(['conductor_running{pipeline="api"} 1']))).toHaveLength(1);
});
