import { z } from 'zod';

/** How usage is metered and priced; left out, it is not. */
export const meteringSettings = z
  .strictObject({
    topic: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,249}$/, 'a name that Kafka takes, for example usage')
      .default('usage')
      .describe('The topic of CloudEvents of usage, each under the key of its tenant.'),
    unitCosts: z
      .string()
      .default('contracts/unit-costs.yaml')
      .describe('What units there are, and what they cost.'),
    allocations: z
      .string()
      .default('contracts/allocations.yaml')
      .describe('What all tenants share, and by what.'),
    graceDays: z
      .int()
      .min(0)
      .max(60)
      .default(3)
      .describe('For how many days after its end a month stays open for what comes late.'),
    sources: z
      .array(
        z.strictObject({
          source: z.string().min(1).max(256),
          keySha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of a key in hex, as sha256sum prints it'),
        }),
      )
      .default([])
      .describe('Who may send usage to POST /v1/usage: the source of its events, and of its key.'),
    bodyBytes: z
      .int()
      .min(1_024)
      .max(64 * 1024 * 1024)
      .default(4 * 1024 * 1024)
      .describe('Most bytes of a request of POST /v1/usage.'),
    provider: z
      .string()
      .min(1)
      .max(256)
      .default('Conductor')
      .describe('Who bills, as exports of FOCUS tell it.'),
    region: z
      .string()
      .max(256)
      .default('')
      .describe('The region that governed changes are ingested in, as usage tells it.'),
  })
  .optional()
  .describe('The ledger of usage in the warehouse (conductor run meter), and what it costs.');
