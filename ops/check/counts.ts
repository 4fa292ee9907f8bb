import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Check } from './code.ts';

/** How many tests went which way. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A run's counts, and a line for each test that it skipped, or that failed. */
export type Tally = Counts & { readonly notPassed: readonly string[] };

/** Something went wrong that is no test. */
export const oneFailure: Tally = { passed: 0, failed: 1, skipped: 0, notPassed: [] };

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).default([]),
        }),
      ),
    }),
  ),
});

/**
 * Counts a run of vitest by its JSON report. A run without a report, a file that did not load, and
 * an exit code that no failed test explains each count as one failure: silence is never a pass.
 */
export async function countRun(file: string, status: number | null): Promise<Tally> {
  const files = await readReport(file);
  if (files === null) return oneFailure;
  const tests = files.flatMap(({ assertionResults }) => assertionResults);
  const broken = files.filter(
    (each) =>
      each.status === 'failed' && each.assertionResults.every((test) => test.status !== 'failed'),
  );
  const red = tests.filter((test) => test.status === 'failed');
  const failed = red.length + broken.length;
  const unexplained = failed === 0 && status !== 0;
  const skipped = tests.filter((test) => test.status !== 'failed' && test.status !== 'passed');
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: unexplained ? 1 : failed,
    skipped: skipped.length,
    notPassed: [
      ...skipped.map((test) => `skipped: ${test.fullName}`),
      ...broken.map(({ name, message }) => failedText(name, message)),
      ...red.map((test) => failedText(test.fullName, test.failureMessages[0] ?? '')),
      ...(unexplained
        ? [`failed: a run that ended with ${status}, though no test of it failed`]
        : []),
    ],
  };
}

/** The end of a log may be all that is left of it: what failed is said there with its reason. */
const failedText = (name: string, message: string) =>
  [`failed: ${name}`, ...message.split('\n').slice(0, 5)].join('\n  ').trimEnd();

/** The files of a report; null if it is absent, or if the run died while it wrote it. */
async function readReport(file: string) {
  try {
    return report.parse(JSON.parse(await readFile(file, 'utf8'))).testResults;
  } catch {
    return null;
  }
}

/** Counts each check of the code as one test. */
export function countChecks(checks: readonly Check[]): Tally {
  const of = (outcome: Check['outcome']) => checks.filter((check) => check.outcome === outcome);
  return {
    passed: of('passed').length,
    failed: of('failed').length,
    skipped: of('skipped').length,
    notPassed: (['skipped', 'failed'] as const).flatMap((outcome) =>
      of(outcome).map(({ name }) => `${outcome}: ${name}`),
    ),
  };
}

/** The sum over all runs. */
export function total(tallies: readonly Tally[]): Tally {
  const sum = (pick: (tally: Tally) => number) => tallies.reduce((n, tally) => n + pick(tally), 0);
  return {
    passed: sum((tally) => tally.passed),
    failed: sum((tally) => tally.failed),
    skipped: sum((tally) => tally.skipped),
    notPassed: tallies.flatMap((tally) => tally.notPassed),
  };
}

/** The last line of `npm test`, which machines read too. */
export const countsText = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Whether a run that ended with these counts may exit with 0. */
export const succeeded = ({ passed, failed }: Counts): boolean => failed === 0 && passed > 0;
