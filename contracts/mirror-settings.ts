import { z } from 'zod';
import { postgresUrl } from './setting-forms.ts';

/** The settings of `sinks.postgres`. */
export const mirrorSettings = z.strictObject({
  url: postgresUrl,
  consistency: z
    .enum(['fastest', 'transactions'])
    .default('fastest')
    .describe(
      'fastest: each change as soon as it is there. transactions: readers see whole transactions of the source only.',
    ),
});
