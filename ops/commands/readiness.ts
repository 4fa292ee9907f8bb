import type { Command } from 'commander';
import type { Finding } from '../readiness/finding.ts';
import { readiness } from '../readiness/readiness.ts';
import { configFile, configOption } from './config-file.ts';

/** Adds `conductor check`. */
export function readinessCommands(program: Command): void {
  program
    .command('check')
    .summary('whether everything is ready for the pipelines, each thing with its fix')
    .description(
      'Looks at the configuration, the contracts, the source, the state, the brokers, the registry, the keyring and the sinks, to the end, and changes nothing. Exits 1 if anything is in the way.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor check --config conductor.yaml')
    .action(async ({ config, json }: { readonly config?: string; readonly json?: boolean }) => {
      const findings = await readiness(await configFile(config));
      const count = (outcome: Finding['outcome']) =>
        findings.filter((finding) => finding.outcome === outcome).length;
      const counts = { failed: count('failed'), warnings: count('warning'), ok: count('ok') };
      if (json) print(JSON.stringify({ ready: counts.failed === 0, ...counts, findings }));
      else {
        for (const finding of findings) print(text(finding));
        print(`${counts.failed} failed, ${counts.warnings} warnings, ${counts.ok} ok`);
      }
      if (counts.failed > 0) process.exitCode = 1;
    });
}

function text(finding: Finding): string {
  const line = `${finding.outcome.padEnd(8)} ${finding.check.padEnd(22)} ${finding.what}`;
  if (finding.outcome === 'ok') return line;
  const below = ' '.repeat(10);
  return `${line}\n${below}where: ${finding.where}\n${below}fix:   ${finding.fix}`;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
