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
    region: z
      .string()
      .max(256)
      .default('')
      .describe('The region that governed changes are ingested in, as usage tells it.'),
  })
  .optional()
  .describe('The ledger of usage in the warehouse (conductor run meter), and what it costs.');
