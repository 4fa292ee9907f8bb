import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository: every tool runs there. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** How one check went: a tool that the machine lacks is skipped, which is not a pass. */
export interface Check {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
}

interface Tool {
  readonly name: string;
  readonly file: string; // Run by this Node, so that no other version of it is on the way.
  readonly args: readonly string[];
}

const tools: readonly Tool[] = [
  { name: 'tsc', file: 'node_modules/typescript/bin/tsc', args: [] },
  {
    name: 'oxlint',
    file: 'node_modules/oxlint/bin/oxlint',
    args: ['--type-aware', '--deny-warnings', '--format=agent'], // A line per fault.
  },
  { name: 'oxfmt', file: 'node_modules/oxfmt/bin/oxfmt', args: ['--check'] },
  { name: 'knip', file: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  {
    name: 'tidy',
    file: 'node_modules/vitest/vitest.mjs',
    args: ['run', '--project', 'tidy', '--reporter', 'dot'],
  },
];

/** Runs every check of the code to its end, shows what failed, and says how each went. */
export async function checkCode(print: (text: string) => void): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const tool of tools) {
    const started = performance.now();
    const { outcome, output } = await run(tool);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    print(
      `${tool.name.padEnd(8)} ${outcome === 'passed' ? 'ok' : outcome.padEnd(2)}  ${seconds} s\n`,
    );
    if (outcome !== 'passed') print(`${output.trimEnd()}\n`);
    checks.push({ name: tool.name, outcome });
  }
  return checks;
}

async function run({
  name,
  file,
  args,
}: Tool): Promise<{ readonly outcome: Check['outcome']; readonly output: string }> {
  if (!existsSync(new URL(`../../${file}`, import.meta.url)))
    return { outcome: 'skipped', output: `${name} is not installed: run npm install` };
  const child = spawn(process.execPath, [file, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ outcome: status === 0 ? 'passed' : 'failed', output }));
  });
}
