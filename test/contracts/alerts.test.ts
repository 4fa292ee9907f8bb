import { execFileSync } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { canaryMetrics } from '../../ops/canaries/canary-metrics.ts';
import { Metrics } from '../../ops/worker/counters.ts';

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string; readonly action: string };
    }[];
  }[];
}

const files = ['privacy', 'stream', 'delivery'].map((name) => `contracts/alerts/${name}.yaml`);
const rules = (
  await Promise.all(files.map(async (file) => parse(await readFile(file, 'utf8')) as Rules))
).flatMap(({ groups }) => groups.flatMap((group) => group.rules));

const namesIn = (text: string) => text.match(/\bconductor_[a-z_]+/g) ?? [];

/** Every metric that a worker registers, now or in a part of it that is loaded later. */
async function registered(): Promise<readonly string[]> {
  const { registry } = new Metrics();
  canaryMetrics(registry, []);
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  for await (const path of glob('ops/worker/*.ts'))
    names.push(...((await readFile(path, 'utf8')).match(/(?<=')conductor_[a-z_]+(?=')/g) ?? []));
  return names;
}

test('every metric that an alert looks at is one that a worker registers', async () => {
  const known = await registered();
  const asked = rules.flatMap(({ expr }) => namesIn(expr));
  expect(asked.length).toBeGreaterThan(15);
  expect(asked.filter((name) => !known.includes(name))).toEqual([]);
});

test('there is an alert for each thing that must not happen unseen', () => {
  expect(rules.map(({ alert }) => alert)).toEqual(
    expect.arrayContaining([
      'KAnonymityBelowFive',
      'EpsilonOutsidePresets',
      'UnsealedValueSeen',
      'PolicyEvaluationFailing',
      'WalBudgetRunningOut',
      'SchemaRefused',
      'TableUnpublished',
      'DeadLetters',
      'PipelineNotRunning',
      'CopyDiffers',
      'DeliveryDiffers',
      'DeliveryNotVerified',
    ]),
  );
});

test('every alert has a name of its own, says how grave it is, what is the matter, and what to do', () => {
  const names = rules.map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
  for (const { labels, annotations } of rules) {
    expect(labels.severity).toMatch(/^(?:critical|warning)$/);
    expect(annotations.summary).toMatch(/\.$/);
    expect(annotations.action).toMatch(/\.$/);
  }
});

const promtool = (...args: readonly string[]) =>
  execFileSync('promtool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function hasPromtool(): boolean {
  try {
    promtool('--version');
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasPromtool())('Prometheus takes the rules (promtool)', () => {
  expect(promtool('check', 'rules', ...files)).toContain('SUCCESS');
});

test.skipIf(!hasPromtool())('the alerts fire when they are to, and not before (promtool)', () => {
  expect(promtool('test', 'rules', 'test/contracts/alerts.promtool.yaml')).toContain('SUCCESS');
});
