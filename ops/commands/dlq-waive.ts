import type { Command } from 'commander';
import type { Letters } from '../letters/open-letters.ts';
import { waiveLetters } from '../letters/waive-letters.ts';
import { configOption } from './config-file.ts';
import { filterOf, type FilterFlags, filterOptions, ownName } from './letter-filters.ts';

interface WaiveFlags extends FilterFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly reasonWhy: string;
  readonly by: string;
}

type Indexed = (
  flags: { readonly config?: string },
  use: (letters: Letters) => Promise<void>,
) => Promise<void>;

/** Adds `conductor dlq waive`. */
export function addWaive(dlq: Command, indexed: Indexed): void {
  filterOptions(dlq.command('waive'))
    .summary('give letters up')
    .description(
      'Gives open letters up: nobody waits for them any more, and they take no part of a quota. Who, why and which is signed in the log of all that is proved, where there is one, and stands in the index. Undone by conductor replay dlq --waived.',
    )
    .requiredOption('--reason-why <text>', 'why they are given up')
    .option('--by <name>', 'who gives them up', ownName())
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor dlq waive --id 3f9a2c71d0 --reason-why "a test row, deleted since"',
    )
    .action((flags: WaiveFlags) =>
      indexed(flags, async (letters) => {
        const filter = await filterOf(letters, flags, ['open']);
        const waived = await waiveLetters(letters, { who: flags.by, why: flags.reasonWhy, filter });
        const count = waived?.letters.length ?? 0;
        const result = {
          job: waived?.job ?? null,
          waived: count,
          signed: waived?.isSigned ?? false,
        };
        const line =
          waived === null
            ? 'no open letter is of that kind'
            : `waived ${count} letters, job ${waived.job}${waived.isSigned ? ', signed' : ''}`;
        process.stdout.write(`${flags.json ? JSON.stringify(result) : line}\n`);
      }),
    );
}
