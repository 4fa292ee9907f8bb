import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { findLetters, type LetterFilter, type LetterState } from '../../replay/letter-search.ts';
import type { Letters } from '../letters/open-letters.ts';
import { moment } from './moments.ts';
import { UsageError } from './usage-error.ts';

/** Which letters somebody means. */
export interface FilterFlags {
  readonly id?: readonly string[];
  readonly all?: true;
  readonly pipeline?: string;
  readonly table?: string;
  readonly reason?: string;
  readonly key?: string;
  readonly since?: Date;
  readonly until?: Date;
}

/** Adds the options that say which letters are meant. */
export const filterOptions = (command: Command): Command =>
  command
    .option('--id <id...>', 'letters by their ids, or how those begin: 4 digits at least')
    .option('--pipeline <pipeline>', 'who refused them: capture, govern, deliver-postgres, …')
    .option('--table <table>', 'schema and name of the table')
    .option('--reason <reason>', 'why, for example no-tenant')
    .option('--key <key>', 'the key of their row, as JSON or as the text that Kafka has')
    .option('--since <time>', 'written then or later: 2026-11-27, 2026-11-27T03:00Z, 2h', moment)
    .option('--until <time>', 'written before', moment)
    .option('--all', 'all that there are, where nothing else is said');

/** The filter that options come to. What is done to letters is not done to all of them by leaving something out. */
export async function filterOf(
  { db, hash }: Letters,
  flags: FilterFlags,
  states: readonly LetterState[],
): Promise<LetterFilter> {
  const { id: ids, all, key, pipeline, table, reason, since, until } = flags;
  const said = [ids, key, pipeline, table, reason, since, until].some((each) => each !== undefined);
  if (said === Boolean(all))
    throw new UsageError(
      'say which letters: --id, --reason, --table, …; or --all, and nothing else',
    );
  for (const id of ids ?? []) {
    if (!/^[0-9a-f]{4,32}$/.test(id))
      throw new UsageError(
        'an id is hex digits, 4 of them at least: conductor dlq list shows them',
      );
    const [first, second] = await findLetters(db, { idBegins: [id], pipeline, states }, 2);
    if (first && !second) continue;
    throw new CannotRun({
      what: first
        ? `several letters have an id that begins with ${id}`
        : `there is no letter ${id} that is ${states.join(' or ')}`,
      where: 'conductor_letters in state.url',
      fix: first ? 'say more of it, or --pipeline' : 'see conductor dlq list --state all',
    });
  }
  const keyHash = key === undefined ? undefined : hash(key);
  return { idBegins: ids, pipeline, table, reason, keyHash, since, until, states };
}

/** Who does it, if he does not say. */
export const ownName = (): string => userInfo().username;
