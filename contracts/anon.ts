import { z } from 'zod';
import { promisedDataset } from './dataset.ts';

/** What of a table leaves k-anonymous, and how. */
export interface AnonContract {
  readonly dataset: string | null; // The name of its topic; null for that of database and table.
  readonly k: number; // Behind every published combination are so many subjects.
  readonly quasi_identifiers: readonly string[];
  readonly attributes: readonly string[]; // Columns that are published beside them.
  readonly window: number; // Seconds of the log's own time.
  readonly delay: number; // How many windows a row may wait for others; then it is dropped.
  readonly diversity: { readonly column: string; readonly l: number } | null;
}

const columnName = z.string().min(1);

/** What a contract says of it. */
export const promisedAnon = z.strictObject({
  dataset: promisedDataset,
  k: z.int().min(2, 'is below 2: one subject alone would be told').default(5),
  quasi_identifiers: z.array(columnName).min(1).max(6),
  attributes: z.array(columnName).default([]),
  window: z.int().min(1).max(86_400).default(60),
  delay: z.int().min(0).max(1_000).default(2),
  l: z.int().min(2).optional(),
  sensitive: columnName.optional(),
});

/** The least k that needs no second thought: `conductor check` warns of less. */
export const usualK = 5;

export const anonOf = (promised: z.infer<typeof promisedAnon>): AnonContract => {
  const { dataset = null, l, sensitive, ...rest } = promised;
  const diversity = l !== undefined && sensitive !== undefined ? { column: sensitive, l } : null;
  return { dataset, ...rest, diversity };
};
