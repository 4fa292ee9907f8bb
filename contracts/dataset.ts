import { z } from 'zod';
import { changesTopic } from './topics.ts';

/** The name of a dataset, where a contract gives one. */
export const promisedDataset = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/, 'is no name of a dataset')
  .optional();

/** The name of a table's dataset: what its contract says, or that of its database and table. */
export const datasetOf = (database: string, table: string, said: string | null): string =>
  said ?? changesTopic(database, table).slice('cdc.'.length);
