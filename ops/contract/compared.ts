import {
  type ContractChange,
  contractChanges,
  unannounced,
} from '../../contracts/contract-diff.ts';
import { type Promises } from '../../contracts/odcs-checks.ts';
import { InvalidContracts } from '../../contracts/odcs-document.ts';
import { promisesIn, type Written } from '../../contracts/read-promises.ts';
import { documentsAt, documentsIn, kindOf } from './documents.ts';

/** What contracts promise otherwise than those before them. */
export interface ComparedContracts {
  readonly changes: readonly ContractChange[];
  readonly unannounced: readonly string[]; // Tables that break without a new major version.
}

/** Holds contracts against those before them, each a file, a folder, or `git:REV`, which is the same path then. */
export async function comparedContracts(before: string, after: string): Promise<ComparedContracts> {
  const revision = /^git:(.+)$/.exec(before)?.[1];
  const isGit = revision !== undefined;
  const was = promises(await (isGit ? documentsIn(revision, after) : documentsAt(before)));
  const is = promises(await documentsAt(after));
  const alike = isGit || (await kindOf(before)) === (await kindOf(after));
  // A file is held against what a folder has of its tables.
  const few = alike ? null : (await kindOf(after)) === 'file' ? is : was;
  const [then, now] = [only(was, few), only(is, few)];
  return { changes: contractChanges(then, now), unannounced: unannounced(then, now) };
}

function promises(written: readonly Written[]): Promises {
  const { tables, problems } = promisesIn(written);
  if (problems.length > 0) throw new InvalidContracts(problems);
  return tables;
}

const only = (all: Promises, few: Promises | null): Promises =>
  few === null
    ? all
    : all.filter(({ physicalName }) => few.some((each) => each.physicalName === physicalName));

/** A change as people read it. */
export function changeText({ table, column, what, breaks }: ContractChange): string {
  const place = column === null ? table : `${table}, column ${column}`;
  return breaks === null ? `          ${place}: ${what}` : `BREAKING  ${place}: ${what}: ${breaks}`;
}
