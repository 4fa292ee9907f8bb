import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { loadConfig } from '../../contracts/config.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import {
  findLetters,
  type FoundLetter,
  type LetterFilter,
  type LetterState,
  letterStates,
} from '../../replay/letter-search.ts';
import { listLines, refusalWords, showLines, statsLines } from '../letters/letter-lines.ts';
import { letterStats } from '../letters/letter-stats.ts';
import { type Letters, withLetters } from '../letters/open-letters.ts';
import { answerFor, openPart } from '../letters/show-letter.ts';
import { TokenRefused, verifier } from '../tokens/verify.ts';
import { configFile, configOption } from './config-file.ts';
import { addWaive } from './dlq-waive.ts';
import { moment } from './moments.ts';
import { positive } from './numbers.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

interface ListFlags extends Flags, Omit<LetterFilter, 'states' | 'keyHash' | 'idBegins'> {
  readonly key?: string;
  readonly state: LetterState | 'all';
  readonly limit: number;
}

interface ShowFlags extends Flags {
  readonly pipeline?: string;
  readonly tokenFile?: string;
}

/** Exit code of a token that was verified and found wrong. */
const notVerified = 3;

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
  addShow(dlq);
  addWaive(dlq, indexed);
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
        .choices([...letterStates, 'all'])
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
          states: state === 'all' ? undefined : [state],
          keyHash: key === undefined ? undefined : hash(key),
        };
        const found = await findLetters(db, filter, limit);
        print(flags.json ? [JSON.stringify({ letters: found })] : listLines(found, limit));
      }),
    );
}

function addShow(dlq: Command): void {
  dlq
    .command('show')
    .summary('one letter; what it holds, with a token that may unseal it')
    .description(
      'Shows what is known of a letter in the open. With a token that policy lets unseal it (data.unseal), also what it holds, as far as its bearer’s mask plan goes; that is noted in the audit, allowed or refused. Exits 1 if it is refused, 3 if the token is not taken.',
    )
    .argument('<id>', 'its id, or how that begins: 4 digits at least')
    .option('--pipeline <pipeline>', 'who refused it, where several did')
    .option('--token-file <file>', 'a token of conductor token mint')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `\nExample:\n  conductor token mint --subject ada --tenant 7 --roles high-clearance --purpose support > token.txt\n  conductor dlq show 3f9a2c71d0 --token-file token.txt`,
    )
    .action((id: string, flags: ShowFlags) =>
      indexed(flags, async (letters) => {
        const found = await theOne(letters, id, flags);
        await show(letters, found, flags).catch((error: unknown) => {
          if (!(error instanceof TokenRefused)) throw error;
          process.stderr.write(`conductor: ${error.message}\n`);
          process.exitCode = notVerified;
        });
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

async function theOne({ db }: Letters, id: string, { pipeline }: ShowFlags): Promise<FoundLetter> {
  if (!/^[0-9a-f]{4,32}$/.test(id))
    throw new UsageError('an id is hex digits, 4 of them at least: conductor dlq list shows them');
  const [found, other] = await findLetters(db, { idBegins: [id], pipeline }, 2);
  if (found && !other) return found;
  throw new CannotRun({
    what: found ? `several letters have an id that begins with ${id}` : `there is no letter ${id}`,
    where: 'conductor_letters in state.url',
    fix: found
      ? `say more of it, or --pipeline: ${found.pipeline} has ${found.id}, ${other?.pipeline} ${other?.id}`
      : 'see conductor dlq list --state all',
  });
}

async function show(
  letters: Letters,
  found: FoundLetter,
  { tokenFile, json }: ShowFlags,
): Promise<void> {
  const claims = tokenFile === undefined ? null : await claimsIn(tokenFile, letters);
  const part = await openPart(letters, found);
  const answer = claims && (await answerFor(letters, found, part, claims));
  const refused = answer && !answer.ruling.allowed ? refusalWords(answer.ruling) : null;
  const { message, opened } = part;
  const change = answer?.change ?? null;
  const letter = { ...found, message, sealed: opened.state };
  print(
    json
      ? [JSON.stringify({ letter, change, refused: refused && answer?.ruling.reason })]
      : showLines(found, part, answer),
  );
  if (refused === null) return;
  process.stderr.write(`conductor: what it holds is not shown: ${refused}\n`);
  process.exitCode = 1;
}

async function claimsIn(file: string, { config }: Letters): Promise<Claims> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new CannotRun({
      what: 'there is no token to be read',
      where: `--token-file ${file}`,
      fix: 'conductor token mint … > token.txt',
    });
  });
  return await verifier(config.tokens)(text.trim(), new Date());
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
