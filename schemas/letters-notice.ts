import { z } from 'zod';

/** What an operator has decided about dead letters, as it is signed. */
export const lettersPredicate = 'https://intelgraph.dev/conductor/dead-letters/v1';

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const lettersForm = z.strictObject({
  action: z.enum(['replay', 'waive']),
  job: z.string().min(1),
  who: z.string(), // As he said: whoever may run commands is known to the machine, not to the log.
  why: z.string().nullable(), // Of a waiver.
  begunAt: z.iso.datetime(),
  filter: z.record(z.string(), z.unknown()), // A key is its hash here, too.
  counts: z.strictObject({
    letters: count, // That were chosen,
    sent: count, // came again,
    dropped: count, // or were dropped by the transform; the rest had gone, or somebody else had decided meanwhile.
  }),
  letters: digest, // Of `topic/id` and a line feed of each, in the order of their positions.
  transform: digest.nullable(), // Of its file.
});

/** What was done with which dead letters, by whom. */
export type LettersNotice = z.output<typeof lettersForm>;
