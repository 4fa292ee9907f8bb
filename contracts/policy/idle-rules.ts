import type { TableContract } from '../contract.ts';
import type { PolicyData } from './rules.ts';

/** A rule or grant that speaks of tables or columns which no contract has: a slip of the pen, or of another house. */
export interface IdleRule {
  readonly rule: string;
  readonly says: string;
}

/** Whatever rules and grants name and no contract has. Where it is all that they name, they never speak. */
export function idleRules(
  { rules, grants }: Pick<PolicyData, 'rules' | 'grants'>,
  contracts: ReadonlyMap<string, TableContract>,
): readonly IdleRule[] {
  const tables = [...rules, ...grants].flatMap(({ name: rule, when }) =>
    (when.datasets ?? [])
      .filter((table) => !contracts.has(table))
      .map((table) => ({ rule, says: `names the dataset ${table}, which is under no contract` })),
  );
  const columns = rules.flatMap(({ name: rule, when }) => {
    const meant = [...contracts.values()].filter(
      ({ table }) => !when.datasets || when.datasets.includes(table),
    );
    if (meant.length === 0) return []; // That was told of its datasets.
    const known = new Set(meant.flatMap((table) => table.columns.map(({ name }) => name)));
    return (when.columns ?? [])
      .filter((column) => !known.has(column))
      .map((column) => ({
        rule,
        says: `names the column ${column}, which none of its tables has`,
      }));
  });
  return [...tables, ...columns];
}
