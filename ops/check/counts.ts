import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Check } from './code.ts';

/** How many tests went which way. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A run's counts, and the names of what it skipped. */
export type Tally = Counts & { readonly skippedNames: readonly string[] };

/** Something went wrong that is no test. */
export const oneFailure: Tally = { passed: 0, failed: 1, skipped: 0, skippedNames: [] };

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
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
  const failed = tests.filter((test) => test.status === 'failed').length + broken.length;
  const skipped = tests.filter((test) => test.status !== 'failed' && test.status !== 'passed');
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: skipped.length,
    skippedNames: skipped.map((test) => test.fullName),
  };
}

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
    skippedNames: of('skipped').map(({ name }) => name),
  };
}

/** The sum over all runs. */
export function total(tallies: readonly Tally[]): Tally {
  const sum = (pick: (tally: Tally) => number) => tallies.reduce((n, tally) => n + pick(tally), 0);
  return {
    passed: sum((tally) => tally.passed),
    failed: sum((tally) => tally.failed),
    skipped: sum((tally) => tally.skipped),
    skippedNames: tallies.flatMap((tally) => tally.skippedNames),
  };
}

/** The last line of `npm test`, which machines read too. */
export const countsText = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Whether a run that ended with these counts may exit with 0. */
export const succeeded = ({ passed, failed }: Counts): boolean => failed === 0 && passed > 0;
