import { CannotRun } from '../contracts/cannot-run.ts';
import { ConfigError } from '../contracts/config.ts';
import { reasonOf } from './worker/keep-running.ts';

/** What is known to be in the way is said in words; what is not comes with its stack. */
export function told(error: unknown): string {
  if (error instanceof CannotRun || error instanceof ConfigError) return error.message;
  const known = error instanceof Error && error.name !== 'Error' && !(error instanceof TypeError);
  return known || !(error instanceof Error) ? reasonOf(error) : (error.stack ?? error.message);
}
