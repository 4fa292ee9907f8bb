import { z } from 'zod';

/** How often what rests in the sinks is held against what was governed. */
export const verifySettings = z
  .strictObject({
    everySeconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(300)
      .describe(
        'How long conductor run verify waits when it has looked at every table in every sink.',
      ),
  })
  .prefault({})
  .describe('The continuous proof of delivery (conductor run verify).');
