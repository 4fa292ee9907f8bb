import { z } from 'zod';

/** How what was governed is proved; left out, it is not. */
export const provenanceSettings = z
  .strictObject({
    signingKey: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 hex digits, for example from `openssl rand -hex 32`')
      .describe(
        'The Ed25519 key that signs manifests and checkpoints. Give it by file or environment.',
      ),
    origin: z
      .string()
      .regex(/^[^\s+]+$/, 'a name without spaces and +, for example conductor.example.com/shop')
      .describe('The name of the log in its checkpoints.'),
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/, 'lower-case letters, digits, _ and -, for example pg')
      .default('pg')
      .describe('What the names of streams begin with. Databases that share a log differ in it.'),
    topic: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, 'a name that Kafka takes, for example provenance')
      .default('provenance')
      .describe('The topic of the log: one partition, kept for ever.'),
    directory: z
      .string()
      .default('provenance')
      .describe('The log as files, as C2SP tlog-tiles lays them out.'),
    segmentSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(60)
      .describe("How long a segment is at most, in seconds of the source's own time."),
  })
  .optional()
  .describe('The log of all that is proved.');
