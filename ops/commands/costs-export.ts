import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { exportMonth } from '../costs/export-month.ts';
import { type FocusFormat, focusFormats } from '../costs/focus.ts';
import { openCosts } from '../costs/open-costs.ts';
import { configFile, configOption } from './config-file.ts';
import { monthOf } from './costs-close.ts';

interface ExportFlags {
  readonly config?: string;
  readonly month: string;
  readonly tenant?: string;
  readonly format: FocusFormat;
  readonly out: string;
  readonly json?: boolean;
}

/** Adds `conductor costs export`. */
export function exportCommands(costs: Command): void {
  costs
    .command('export')
    .summary('a closed month as a file of FOCUS 1.2')
    .description(
      'Writes the lines of a closed month in the columns of FOCUS 1.2, and beside the file a DSSE envelope with its digest (FILE.dsse.json), signed by the key of the log where there is one (provenance.signingKey). The same bytes whenever it is asked for.',
    )
    .addOption(configOption())
    .requiredOption('--month <month>', 'for example 2026-10', monthOf)
    .requiredOption('--out <file>', 'where it is to be written')
    .option('--tenant <name>', 'of this tenant only')
    .addOption(new Option('--format <format>', 'of the file').choices(focusFormats).default('csv'))
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor costs export --month 2026-10 --tenant acme --out acme-2026-10.csv',
    )
    .action(exported);
}

async function exported({ config, month, tenant, format, out, json }: ExportFlags): Promise<void> {
  await using costs = await openCosts(await configFile(config));
  const asked = { month, tenant: tenant ?? null, format, name: basename(out) };
  const { bytes, digest, manifest } = await exportMonth(costs, asked);
  await writeFile(out, bytes);
  if (manifest) await writeFile(`${out}.dsse.json`, manifest);
  const signed = manifest ? `, signed in ${out}.dsse.json` : '';
  const text = `${out}: ${bytes.length} bytes, SHA-256 ${digest}${signed}`;
  const told = {
    month,
    file: out,
    bytes: bytes.length,
    sha256: digest,
    isSigned: manifest !== null,
  };
  process.stdout.write(`${json ? JSON.stringify(told) : text}\n`);
}
