import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const script = `
  const { readdirSync } = await import('node:fs');
  const { getPriority } = await import('node:os');
  const { stepBack } = await import('./ops/worker/step-back.ts');
  stepBack(7);
  const threads = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)));
  process.stdout.write(JSON.stringify(threads));
`;

test.runIf(process.platform === 'linux')(
  'all threads of a process step back, those of the engine too',
  async () => {
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const threads = JSON.parse(stdout) as readonly number[];
    expect(threads.length).toBeGreaterThan(1);
    expect(new Set(threads)).toEqual(new Set([7]));
  },
);
