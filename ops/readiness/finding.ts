import { CannotRun, type Trouble } from '../../contracts/cannot-run.ts';
import { reasonOf } from '../worker/keep-running.ts';

/** What a look at one thing came to. */
export type Finding =
  | { readonly check: string; readonly outcome: 'ok'; readonly what: string }
  | ({ readonly check: string; readonly outcome: 'warning' | 'failed' } & Trouble);

export const ok = (check: string, what: string): Finding => ({ check, outcome: 'ok', what });

/** It runs, and somebody will be sorry. */
export const warning = (check: string, trouble: Trouble): Finding => ({
  check,
  outcome: 'warning',
  ...trouble,
});

/** It does not run. */
export const failed = (check: string, trouble: Trouble): Finding => ({
  check,
  outcome: 'failed',
  ...trouble,
});

/** What cannot be looked at, for it would be held against contracts that nobody can read. */
export const withoutContracts = (check: string): Finding =>
  warning(check, {
    what: 'not looked at: there are no contracts to hold it against',
    where: 'contracts',
    fix: 'mend what is said of the contracts, and check again',
  });

/** Looks, and takes what is thrown for what was found: one that fails does not keep the others from looking. */
export async function looking(
  check: string,
  where: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof CannotRun) return [failed(check, error.trouble)];
    return [failed(check, { what: reasonOf(error), where, fix: `mend it, or correct ${where}` })];
  }
}
