import { type Command, Option } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { findLetters, type LetterFilter } from '../../replay/letter-search.ts';
import { listLines, statsLines } from '../letters/letter-lines.ts';
import { letterStats } from '../letters/letter-stats.ts';
import { type Letters, withLetters } from '../letters/open-letters.ts';
import { configFile, configOption } from './config-file.ts';
import { moment } from './moments.ts';
import { positive } from './numbers.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

interface ListFlags extends Flags, Omit<LetterFilter, 'state' | 'keyHash' | 'idBegins'> {
  readonly key?: string;
  readonly state: 'open' | 'gone' | 'all';
  readonly limit: number;
}

/** Adds `conductor dlq`. */
export function dlqCommands(program: Command): void {
  const dlq = program
    .command('dlq')
    .summary('dead letters: changes that were refused')
    .description(
      'Finds dead letters in an index that each of these commands first brings up to the ends of the topics. No value stands in it.',
    );
  addList(dlq);
  dlq
    .command('stats')
    .summary('how many letters there are, of what, and how full their topics')
    .description(
      'Counts letters by pipeline, table and reason, and tells how much their topics hold of what Kafka keeps of them.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor dlq stats')
    .action((flags: Flags) =>
      indexed(flags, async (letters) => {
        const stats = await letterStats(letters, new Date());
        print(flags.json ? [JSON.stringify(stats)] : statsLines(stats));
      }),
    );
}

function addList(dlq: Command): void {
  dlq
    .command('list')
    .summary('letters, the newest first')
    .description(
      'Lists what is known of letters in the open. A key is found by its keyed hash, where the letter has one: those of capture have none.',
    )
    .option('--pipeline <pipeline>', 'who refused it: capture, govern, deliver-postgres, …')
    .option('--table <table>', 'schema and name of the table')
    .option('--reason <reason>', 'why, for example no-tenant')
    .option('--key <key>', 'the key of its row, as JSON or as the text that Kafka has')
    .option('--since <time>', 'written then or later: 2026-11-27, 2026-11-27T03:00Z, 2h', moment)
    .option('--until <time>', 'written before', moment)
    .addOption(
      new Option('--state <state>', 'gone: retention has taken it')
        .choices(['open', 'gone', 'all'])
        .default('open'),
    )
    .option('--limit <number>', 'how many at most', positive, 50)
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `\nExamples:\n  conductor dlq list --pipeline govern --reason no-tenant --since 2h\n  conductor dlq list --table public.orders --key '{"id":42}'`,
    )
    .action(({ key, state, limit, ...flags }: ListFlags) =>
      indexed(flags, async ({ db, hash }) => {
        const { pipeline, table, reason, since, until } = flags;
        const filter = {
          pipeline,
          table,
          reason,
          since,
          until,
          state: state === 'all' ? undefined : state,
          keyHash: key === undefined ? undefined : hash(key),
        };
        const found = await findLetters(db, filter, limit);
        print(flags.json ? [JSON.stringify({ letters: found })] : listLines(found, limit));
      }),
    );
}

/** Opens the letters of a configuration; what is in their topics and is no letter is told. */
async function indexed(
  { config: file }: Flags,
  use: (letters: Letters) => Promise<void>,
): Promise<void> {
  const config = await loadConfig(await configFile(file));
  await withLetters(config, async (letters) => {
    if (letters.strays > 0)
      process.stderr.write(
        `conductor: ${letters.strays} records of dlq.* are no letters, or of a schema that the registry does not have\n`,
      );
    await use(letters);
  });
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
