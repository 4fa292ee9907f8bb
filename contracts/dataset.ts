import { z } from 'zod';
import { CannotRun } from './cannot-run.ts';
import { changesTopic } from './topics.ts';

/** The name of a dataset, where a contract gives one. */
export const promisedDataset = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/, 'is no name of a dataset')
  .optional();

/** The name of a table's dataset: what its contract says, or that of its database and table. */
export const datasetOf = (database: string, table: string, said: string | null): string =>
  said ?? changesTopic(database, table).slice('cdc.'.length);

interface Named {
  readonly table: string;
  readonly dataset: string;
}

/** Refuses two tables of one dataset, one of them by default: each would wait for the other to be done with it. */
export function refuseTwins(property: 'anon' | 'dp', tables: readonly Named[]): void {
  for (const [dataset, [one, other]] of Map.groupBy(tables, (each) => each.dataset))
    if (one && other)
      throw new CannotRun({
        what: `the dataset ${dataset} is that of ${one.table} and of ${other.table}`,
        where: `${property}, in the contract of ${other.table}`,
        fix: 'give one of them another name',
      });
}
