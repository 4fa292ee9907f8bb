import { createInterface } from 'node:readline/promises';
import databases, { sql } from '@databases/pg';
import { CannotRun, publicUrl } from '../../contracts/cannot-run.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { sourceFlag } from './read-catalog.ts';
import type { Setup } from './setup.ts';
import type { Statement } from './statement.ts';

/** Asks on the terminal; only a whole "yes" is one. */
export async function isYes(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Whoever ends the input has not said yes.
    const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = terminal.question(`${question} Type yes to run it: `);
    return (await Promise.race([answer, closed])).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

/** Runs a setup: all in one transaction, then what no transaction may hold. */
export async function applySetup(
  url: string,
  { transaction, settings }: Pick<Setup, 'transaction' | 'settings'>,
): Promise<void> {
  const db = databases.default({
    ...postgresLogin(url),
    applicationName: 'conductor init',
    poolSize: 1,
    bigIntMode: 'string',
    lockTimeoutMilliseconds: 5_000,
    onError: () => {},
  });
  const run = async (
    ask: { query(statement: ReturnType<typeof sql>): Promise<unknown> },
    statement: Statement,
    kept: string,
  ) => {
    try {
      await ask.query(sql`${sql.__dangerous__rawValue(statement.sql)}`);
    } catch (cause) {
      throw refused(cause, { statement, kept, url });
    }
  };
  try {
    await db.tx(async (tx) => {
      for (const statement of transaction)
        await run(tx, statement, 'nothing was kept: it was one transaction');
    });
    for (const statement of settings)
      await run(db, statement, 'all but ALTER SYSTEM was done already');
  } catch (error) {
    throw error instanceof CannotRun ? error : postgresTrouble(error, sourceFlag, url);
  } finally {
    await db.dispose();
  }
}

interface Refused {
  readonly statement: Statement;
  readonly kept: string;
  readonly url: string;
}

function refused(cause: unknown, { statement, kept, url }: Refused): CannotRun {
  const first = statement.sql.split('\n', 1)[0]?.replace(/ PASSWORD .*/, '') ?? '';
  const message = cause instanceof Error ? cause.message : String(cause);
  const busy =
    typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === '55P03';
  return new CannotRun(
    {
      what: `the server refused ${first}: ${message}; ${kept}`,
      where: `${sourceFlag} = ${publicUrl(url)}`,
      fix: busy
        ? 'another transaction holds the table: when it is done, run this again with --force --apply'
        : 'give --source a superuser, or hand the SQL to somebody who is one',
    },
    { cause },
  );
}
