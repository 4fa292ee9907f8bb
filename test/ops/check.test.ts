import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../../ops/check/code.ts';
import { countRun, countsText, succeeded, total } from '../../ops/check/counts.ts';

let house: string;

/** A house with our rules in which only what a test plants can be wrong. */
beforeEach(() => {
  house = mkdtempSync(join(tmpdir(), 'conductor-check-'));
  for (const file of ['.oxlintrc.json', 'knip.json', 'package.json', 'tsconfig.json'])
    cpSync(join(root, file), join(house, file));
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
  plant('bin/conductor.js', "import('node:fs');\n");
  plant('ops/cli.ts', "import { used } from '../schemas/lsn.ts';\n\nprocess.exitCode = used;\n");
  plant('schemas/lsn.ts', 'export const used = 1;\n');
});

afterEach(() => rmSync(house, { recursive: true }));

function plant(path: string, text: string): void {
  mkdirSync(dirname(join(house, path)), { recursive: true });
  writeFileSync(join(house, path), text);
}

function run(file: string, ...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', file), ...args],
    { cwd: house, encoding: 'utf8' },
  );
  return { status, output: stdout + stderr };
}

const lint = () => run('oxlint/bin/oxlint', '--deny-warnings', '--format=unix');
const knip = () => run('knip/bin/knip.js', '--no-progress', '--include', 'exports,files');

describe('the code check', () => {
  test('passes a house without a fault', () => {
    expect(lint()).toMatchObject({ status: 0 });
    expect(knip()).toMatchObject({ status: 0 });
  });

  test('fails an import against the arrows, from every folder', () => {
    const wrong = [
      ['schemas/a.ts', '../contracts/contract.ts'],
      ['contracts/b.ts', '../pipelines/flow/sink.ts'],
      ['pipelines/flow/c.ts', '../topic/source.ts'],
      ['pipelines/flow/d.ts', '../../sinks/topic.ts'],
      ['pipelines/flow/e.ts', 'pino'],
      ['processors/f.ts', '../sinks/topic.ts'],
      ['processors/g.ts', '../pipelines/capture.ts'],
      ['processors/h.ts', 'node:fs/promises'],
      ['sinks/i.ts', '../processors/dedupe.ts'],
      ['sinks/j.ts', '../pipelines/topic/source.ts'],
      ['sinks/k.ts', '@platformatic/kafka'],
      ['pipelines/l.ts', '../ops/cli.ts'],
      ['pipelines/m.ts', '@platformatic/kafka'],
      ['pipelines/wal/n.ts', '../../replay/replay.ts'],
      ['pipelines/topic/o.ts', '../../ops/metrics.ts'],
      ['replay/p.ts', '../ops/cli.ts'],
      ['ops/q.ts', '../test/doubles.ts'],
      ['ops/commands/r.ts', 'kafkajs'],
      ['bin/s.js', '../ops/cli.ts'],
    ] as const;
    for (const [from, to] of wrong) plant(from, `export { x } from '${to}';\n`);

    const { status, output } = lint();

    expect(status).not.toBe(0);
    expect(wrong.filter(([from]) => !output.includes(`${from}:`))).toEqual([]);
  });

  test('passes the imports that the arrows allow', () => {
    const right = [
      ['contracts/b.ts', '../schemas/change.ts'],
      ['pipelines/flow/c.ts', '../../schemas/change.ts'],
      ['pipelines/flow/d.ts', '../../contracts/contract.ts'],
      ['pipelines/flow/e.ts', './ledger.ts'],
      ['pipelines/flow/f.ts', 'rxjs'],
      ['pipelines/flow/g.ts', 'node:timers/promises'],
      ['processors/h.ts', '../pipelines/flow/stage.ts'],
      ['sinks/i.ts', '../pipelines/flow/sink.ts'],
      ['sinks/topic.ts', '@platformatic/kafka'],
      ['pipelines/j.ts', '../sinks/topic.ts'],
      ['pipelines/topic/k.ts', '@platformatic/kafka'],
      ['replay/l.ts', '../pipelines/govern.ts'],
      ['ops/m.ts', '../replay/replay.ts'],
    ] as const;
    for (const [from, to] of right) plant(from, `export { x } from '${to}';\n`);

    expect(lint()).toMatchObject({ status: 0 });
  });

  test('fails an import cycle', () => {
    plant('schemas/a.ts', "import { b } from './b.ts';\n\nexport const a = () => b;\n");
    plant('schemas/b.ts', "import { a } from './a.ts';\n\nexport const b = () => a;\n");

    const { status, output } = lint();

    expect(status).not.toBe(0);
    expect(output).toContain('no-cycle');
  });

  test('fails an `any`', () => {
    plant('schemas/a.ts', 'export const a = (x: any) => x;\n');

    const { status, output } = lint();

    expect(status).not.toBe(0);
    expect(output).toContain('no-explicit-any');
  });

  test('fails an assertion that something is not null, outside tests', () => {
    const text = 'export const first = (list: readonly string[]) => list[0]!;\n';
    plant('test/a.ts', text);
    expect(lint()).toMatchObject({ status: 0 });

    plant('schemas/a.ts', text);
    expect(lint().output).toContain('no-non-null-assertion');
  });

  test('fails a dead export', () => {
    plant('schemas/lsn.ts', 'export const used = 1;\nexport const forgotten = 2;\n');

    const { status, output } = knip();

    expect(status).not.toBe(0);
    expect(output).toContain('forgotten');
  });
});

describe('the count at the end of the tests', () => {
  const report = (testResults: readonly unknown[]) => {
    plant('report.json', JSON.stringify({ testResults }));
    return join(house, 'report.json');
  };
  const file = (status: string, ...tests: readonly string[]) => ({
    name: 'a.test.ts',
    status,
    assertionResults: tests.map((each) => ({ fullName: `a ${each}`, status: each })),
  });

  test('names what was skipped, and does not count it as passed', async () => {
    const counts = await countRun(report([file('passed', 'passed', 'pending', 'skipped')]), 0);
    expect(counts).toEqual({
      passed: 1,
      failed: 0,
      skipped: 2,
      notPassed: ['skipped: a pending', 'skipped: a skipped'],
    });
  });

  test.each([
    ['a failed test', [file('failed', 'passed', 'failed')], 'failed: a failed'],
    ['a file that did not load', [file('failed')], 'failed: a.test.ts'],
    [
      'a failing exit code that no test explains',
      [file('passed', 'passed')],
      'failed: a run that ended with 1, though no test of it failed',
    ],
  ])('counts %s as a failure, and names it', async (_, results, line) => {
    expect(await countRun(report(results), 1)).toMatchObject({ failed: 1, notPassed: [line] });
  });

  test('says in a few lines why a test failed', async () => {
    const failureMessages = ['expected 1 to be 2\nat a\nat b\nat c\nat d\nat e'];
    const test = { fullName: 'sums', status: 'failed', failureMessages };
    const counts = await countRun(report([{ ...file('failed'), assertionResults: [test] }]), 1);
    expect(counts.notPassed).toEqual([
      'failed: sums\n  expected 1 to be 2\n  at a\n  at b\n  at c\n  at d',
    ]);
  });

  test('counts a run that left no report, or half of one, as a failure', async () => {
    expect(await countRun(join(house, 'none.json'), null)).toMatchObject({ passed: 0, failed: 1 });
    plant('half.json', '{"testResults": [');
    expect(await countRun(join(house, 'half.json'), 1)).toMatchObject({ passed: 0, failed: 1 });
  });

  test('is the sum of all runs, in one line', () => {
    const one = { passed: 1, failed: 2, skipped: 3, notPassed: ['x'] };
    expect(countsText(total([one, one]))).toBe('2 passed, 4 failed, 6 skipped');
  });

  test('is no success when nothing passed', () => {
    expect(succeeded({ passed: 0, failed: 0, skipped: 9 })).toBe(false);
    expect(succeeded({ passed: 1, failed: 0, skipped: 9 })).toBe(true);
  });
});
