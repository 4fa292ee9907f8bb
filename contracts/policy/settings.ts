import { z } from 'zod';

/** Settings of what decides, and of whom govern publishes for. */
export const policySettings = z
  .strictObject({
    bundle: z
      .string()
      .optional()
      .describe('The folder of the compiled policies that hold until a revision is activated.'),
    topic: z
      .string()
      .regex(/^[\w.-]{1,200}$/, 'a topic name, for example control.policies')
      .default('control.policies')
      .describe('The compacted topic by which revisions roll out.'),
  })
  .prefault({})
  .describe('Which policies decide.');

export const governSettings = z
  .strictObject({
    roles: z
      .array(z.string().min(1))
      .default(['high-clearance'])
      .describe('The roles of those that the governed topics are for.'),
    purpose: z.string().min(1).default('operations').describe('What the governed topics are for.'),
  })
  .prefault({})
  .describe('For whom govern publishes: who reads less is shown less on the way to them.');
