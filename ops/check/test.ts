import { spawn } from 'node:child_process';
import { glob, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeStack } from '../stack/native.ts';
import { checkCode, root } from './code.ts';
import { countChecks, countRun, type Counts, oneFailure, type Tally, total } from './counts.ts';

/** What of the tests to run. */
export interface TestOptions {
  /** Only the test files whose path contains this; leaves the code check out. */
  readonly filter?: string | undefined;
  /** Leaves the stack, and what is tested on it, out. */
  readonly unit?: boolean | undefined;
}

type Print = (text: string) => void;

/**
 * Runs the code check, the unit tests, and the stack tests on a stack of their own, which it takes
 * down again whatever happens. An abort stops the test at hand, and counts as a failure.
 */
export async function runTests(
  { filter, unit }: TestOptions,
  { print, signal }: { readonly print: Print; readonly signal: AbortSignal },
): Promise<Counts> {
  const reports = await mkdtemp(join(tmpdir(), 'conductor-test-'));
  try {
    const tallies: Tally[] = [];
    if (filter === undefined) tallies.push(countChecks(await checkCode(print)));
    if (!signal.aborted)
      tallies.push(await vitest({ project: 'unit', filter, reports, signal, env: {} }));
    if (unit !== true && !signal.aborted && (await anyStackTest(filter)))
      tallies.push(await onStack({ filter, reports, signal, print }));
    if (signal.aborted) tallies.push(oneFailure);
    const counts = total(tallies);
    for (const line of counts.notPassed) print(`${line}\n`);
    return counts;
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

async function onStack({
  filter,
  reports,
  signal,
  print,
}: {
  readonly filter: string | undefined;
  readonly reports: string;
  readonly signal: AbortSignal;
  readonly print: Print;
}): Promise<Tally> {
  const home = join(root, '.conductor', 'test');
  const stack = nativeStack(home);
  const tallies: Tally[] = [];
  try {
    await stack.down({ wipe: true }); // What a killed run left behind.
    await stack.up((line) => print(`${line}\n`));
    const env = { CONDUCTOR_TEST_STACK: join(home, 'stack.json') };
    if (!signal.aborted)
      tallies.push(await vitest({ project: 'stack', filter, reports, signal, env }));
  } catch (error) {
    print(`the test stack did not come up: ${reasonOf(error)}\n`);
    tallies.push(oneFailure);
  }
  try {
    await stack.down({ wipe: true });
  } catch (error) {
    print(`the test stack did not go down: ${reasonOf(error)}\n`);
    tallies.push(oneFailure);
  }
  return total(tallies);
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function anyStackTest(filter = ''): Promise<boolean> {
  for await (const path of glob('test/**/*.stack.test.ts', { cwd: root }))
    if (path.includes(filter)) return true;
  return false;
}

async function vitest({
  project,
  filter,
  reports,
  signal,
  env,
}: {
  readonly project: 'unit' | 'stack';
  readonly filter: string | undefined;
  readonly reports: string;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string>>;
}): Promise<Tally> {
  const report = join(reports, `${project}.json`);
  const child = spawn(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      project,
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...(filter === undefined ? [] : [filter]),
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } },
  );
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  signal.removeEventListener('abort', stop);
  return countRun(report, status);
}
