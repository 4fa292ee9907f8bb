import type { Command } from 'commander';
import { checkCode } from '../check/code.ts';
import { countsText, succeeded } from '../check/counts.ts';
import { runTests, type TestOptions } from '../check/test.ts';

/** Adds the commands that look after the code itself: `check-code` and `test`. */
export function checkCommands(program: Command): void {
  program
    .command('check-code')
    .description('types, lint, format, dead code and tidiness of this checkout')
    .addHelpText('after', '\nExample:\n  npm run check')
    .action(async () => {
      const checks = await checkCode(print);
      if (checks.some(({ outcome }) => outcome !== 'passed')) process.exitCode = 1;
    });

  program
    .command('test')
    .description('the code check, the unit tests, and the stack tests on five real servers')
    .option('--filter <text>', 'only test files whose path contains the text; no code check')
    .option('--unit', 'leave the stack and its tests out')
    .addHelpText('after', '\nExample:\n  npm test\n  npm test -- --filter sinks/neo4j')
    .action(async (options: TestOptions) => {
      const stop = new AbortController();
      const abort = () => stop.abort();
      process.on('SIGINT', abort).on('SIGTERM', abort);
      try {
        const counts = await runTests(options, { print, signal: stop.signal });
        print(`${countsText(counts)}\n`);
        if (!succeeded(counts)) process.exitCode = 1;
      } finally {
        process.off('SIGINT', abort).off('SIGTERM', abort);
      }
    });
}

const print = (text: string): void => void process.stdout.write(text);
