import { type Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { loadTransform } from '../letters/load-transform.ts';
import { type Letters, withLetters } from '../letters/open-letters.ts';
import { planLines, replayedLines, resultOf } from '../letters/replay-lines.ts';
import { lookAtReplay, replayLetters, resumeReplay } from '../letters/replay-letters.ts';
import { configFile, configOption } from './config-file.ts';
import { filterOf, type FilterFlags, filterOptions, ownName } from './letter-filters.ts';
import { positive } from './numbers.ts';
import { UsageError } from './usage-error.ts';

interface ReplayFlags extends FilterFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly transform?: string;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly waived?: true;
  readonly resume?: true;
  readonly by: string;
}

/** Adds `conductor replay dlq`. */
export function addReplayLetters(replay: Command): void {
  filterOptions(replay.command('dlq'))
    .summary('dead letters, back into their pipelines')
    .description(
      'Brings open letters back: their pipelines read them beside their inputs, from retry.<pipeline>; those of capture go to govern. Changes of a key come in the order of their positions, each once by its effect, and through policy as everything does. With a letter goes what was held for it. What is refused again is a new letter. Killed, it goes on with --resume.',
    )
    .option(
      '--transform <file>',
      'TypeScript whose default export makes of a change another one, or null to drop it',
    )
    .option('--rate <number>', 'letters in a second at most', positive)
    .option(
      '--dry-run',
      'tell what would be done: counts, and which columns would change; no value',
    )
    .option('--waived', 'also those that were waived')
    .option('--resume', 'go on with the replay that was begun and has not ended')
    .option('--by <name>', 'who replays them', ownName())
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  conductor replay dlq --reason no-tenant --table public.orders --dry-run\n  conductor replay dlq --reason no-tenant --table public.orders --transform tenants.ts --rate 500',
    )
    .action(async (flags: ReplayFlags) => {
      const config = await loadConfig(await configFile(flags.config));
      await withLetters(config, (letters) => replayOnce(letters, flags));
    });
}

async function replayOnce(letters: Letters, flags: ReplayFlags): Promise<void> {
  const transform = flags.transform === undefined ? null : await loadTransform(flags.transform);
  const { json, by: who, rate = null } = flags;
  const order = { who, transform, rate, told: progress() };
  if (flags.resume) {
    const { id, all, pipeline, table, reason, key, since, until, dryRun } = flags;
    if (
      [id, all, pipeline, table, reason, key, since, until, dryRun].some(
        (each) => each !== undefined,
      )
    )
      throw new UsageError(
        '--resume goes on with what was chosen then: leave out what chooses letters',
      );
    const replayed = await resumeReplay(letters, order);
    print(json ? [JSON.stringify(resultOf(null, replayed))] : replayedLines(replayed));
    return;
  }
  const states = flags.waived || flags.id ? (['open', 'waived'] as const) : (['open'] as const);
  const filter = await filterOf(letters, flags, states);
  if (flags.dryRun) {
    const plan = await lookAtReplay(letters, { filter, transform });
    print(json ? [JSON.stringify(resultOf(plan, null))] : planLines(plan));
    return;
  }
  const { plan, replayed } = await replayLetters(letters, { ...order, filter });
  print(
    json
      ? [JSON.stringify(resultOf(plan, replayed))]
      : [...planLines(plan), ...(replayed ? replayedLines(replayed) : [])],
  );
}

const tellEveryMs = 5_000;

/** Tells now and then how far it is, for whoever watches. */
function progress(): (done: number, of: number) => void {
  let toldAt = performance.now();
  return (done, of) => {
    if (performance.now() - toldAt < tellEveryMs) return;
    toldAt = performance.now();
    process.stderr.write(`conductor: ${done} of ${of} letters\n`);
  };
}

const print = (lines: readonly string[]): void => {
  for (const line of lines) process.stdout.write(`${line}\n`);
};
