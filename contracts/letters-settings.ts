import { z } from 'zod';

/** What becomes of dead letters, pipeline by pipeline. */
export const lettersSettings = z
  .strictObject({
    mostLetters: z
      .int()
      .min(1)
      .default(1_000_000)
      .describe('How many letters of a pipeline may be open; then it stops.'),
    mostBytes: z
      .int()
      .min(1_024)
      .default(10 * 1024 * 1024 * 1024)
      .describe('How many bytes of them.'),
    hold: z
      .array(
        z
          .string()
          .regex(
            /^(govern|deliver-[a-z0-9]+)$/,
            'govern, deliver-postgres, deliver-neo4j or deliver-clickhouse',
          ),
      )
      .default([])
      .describe('Pipelines that hold later changes of a key whose earlier one is an open letter.'),
  })
  .prefault({})
  .describe('Dead letters.');
