import { usualK } from '../../contracts/anon.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { type Finding, warning } from './finding.ts';

/** What is allowed of k-anonymity, and should be thought about. */
export const checkAnonymity = (contracts: Iterable<TableContract>): readonly Finding[] =>
  [...contracts].flatMap(({ table, anon }) =>
    anon && anon.k < usualK
      ? [
          warning('anonymity', {
            what: `table ${table}: k is ${anon.k}; fewer than ${usualK} people behind a combination are soon told apart`,
            where: `anon, in the contract of ${table}`,
            fix: `set k to ${usualK} or more, unless somebody has decided otherwise`,
          }),
        ]
      : [],
  );
