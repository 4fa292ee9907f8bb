import type { Setup } from './setup.ts';
import { oneLine, type Statement } from './statement.ts';

interface About {
  readonly server: string; // Where, as people name it.
  readonly standby: boolean;
  readonly outsider: string | null; // Who looked, where that is no superuser.
}

/** A setup as a script that psql takes as it is: whatever is no SQL is a comment. */
export function setupText(setup: Setup, { server, standby, outsider }: About): string {
  const { transaction, settings, restart, advice } = setup;
  const on = standby ? ', on its primary: this server is a standby' : '';
  const who = outsider === null ? '' : `, which ${oneLine(outsider)} is not`;
  const locks = transaction.some(({ sql }) => sql.startsWith('ALTER TABLE'));
  return [
    `-- What ${oneLine(server)} needs to be captured. Nothing of it was run.`,
    `-- Run it as a superuser${who}${on}; all of it may be run again, but for what says CREATE.`,
    '',
    'BEGIN;',
    // Behind a long transaction ALTER TABLE would hold up everybody else.
    ...(locks ? ["SET LOCAL lock_timeout = '5s'; -- Rather fail than hold up a busy table."] : []),
    ...transaction.flatMap(statementLines),
    '',
    'COMMIT;',
    ...settings.flatMap(statementLines),
    ...(restart.length > 0 ? ['', `-- Then restart PostgreSQL: ${restart.join(', ')}.`] : []),
    ...(advice.length > 0 ? ['', ...advice.map((line) => `-- ${oneLine(line)}`)] : []),
    '',
  ].join('\n');
}

/** The statements as they are run: no one is left out, and nothing else is run. */
export const inOrder = ({ transaction, settings }: Setup): readonly Statement[] => [
  ...transaction,
  ...settings,
];

function statementLines({ sql, why }: Statement, at: number, all: readonly Statement[]) {
  const repeated = why === '' || all[at - 1]?.why === why;
  return [...(repeated ? [] : ['', `-- ${sentence(oneLine(why))}`]), `${sql};`];
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
