import { expect, test } from 'vitest';
import {
  bundleText,
  PolicyFailure,
  readBundle,
  shippedBundle,
} from '../../../contracts/policy/bundle.ts';
import { bundleKey, Rollout, stateKey } from '../../../contracts/policy/rollout.ts';

const bundle = await readBundle(shippedBundle);

test('of each key the newest counts: what is active, what runs beside, and what was published', () => {
  const rollout = new Rollout();
  expect(rollout.state).toEqual({ active: null, shadow: null });
  rollout.take(bundleKey(bundle.revision), bundleText(bundle));
  rollout.take(bundleKey('gone'), 'x');
  rollout.take(bundleKey('gone'), null);
  rollout.take(stateKey, JSON.stringify({ active: 'a', shadow: null }));
  rollout.take(stateKey, JSON.stringify({ active: bundle.revision, shadow: 'b' }));
  expect(rollout.state).toEqual({ active: bundle.revision, shadow: 'b' });
  expect(rollout.revisions).toEqual([bundle.revision]);
  expect(rollout.bundle(bundle.revision)).toEqual(bundle);
});

test('what is no record of ours changes nothing', () => {
  const rollout = new Rollout();
  rollout.take(stateKey, JSON.stringify({ active: 'a', shadow: null }));
  for (const value of [null, '', 'no JSON', '{}', '{"active":1,"shadow":null}', '[]'])
    rollout.take(stateKey, value);
  rollout.take('states', '{"active":"x","shadow":null}');
  expect(rollout.state).toEqual({ active: 'a', shadow: null });
});

test('a revision that is not there, is damaged, or was published under another name is refused', () => {
  const rollout = new Rollout();
  rollout.take(bundleKey('damaged'), bundleText(bundle).slice(0, -40));
  rollout.take(bundleKey('another'), bundleText(bundle));
  for (const [revision, says] of [
    ['nowhere', 'there is no revision nowhere'],
    ['damaged', 'it is no bundle of policies'],
    ['another', `what was published as revision another is ${bundle.revision}`],
  ] as const) {
    expect(() => rollout.bundle(revision)).toThrow(PolicyFailure);
    expect(() => rollout.bundle(revision)).toThrow(says);
  }
});
