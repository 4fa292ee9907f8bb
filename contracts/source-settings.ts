import { z } from 'zod';
import { postgresUrl, settingName } from './setting-forms.ts';

/** What to do where the slot cannot go on from the checkpoint: nobody but the owner may choose to lose changes. */
export const recoveries = ['stop', 'resnapshot', 'repair'] as const;

export type Recovery = (typeof recoveries)[number];

/** The settings of `source`: Conductor is a guest in someone's database, and says what it asks of it. */
export const sourceSettings = z.strictObject({
  url: postgresUrl.describe('The database to capture, as a role with REPLICATION.'),
  slot: settingName
    .default('ig_slot')
    .describe('The replication slot; created if it is not there.'),
  publication: settingName
    .default('conductor')
    .describe('The publication; created if it is not there.'),
  protocol: z
    .literal([1, 2, 3, 4])
    .optional()
    .describe('The version of pgoutput; left out, the highest that the server has.'),
  binary: z
    .union([z.literal('auto'), z.boolean()])
    .default('auto')
    .describe('Whether values come in binary form; auto asks for it where it is safe.'),
  twoPhase: z
    .boolean()
    .default(false)
    .describe('Send a prepared transaction at its PREPARE. Needs PostgreSQL 15.'),
  origin: z
    .enum(['any', 'none'])
    .default('any')
    .describe('none leaves out what the source itself was replicated. Needs PostgreSQL 16.'),
  failover: z
    .boolean()
    .default(true)
    .describe('Let standbys keep the slot, so that it outlives a promotion. From PostgreSQL 17.'),
  snapshot: z
    .enum(['initial', 'never'])
    .default('initial')
    .describe('Whether a new slot begins with a copy of the rows that are there.'),
  copyFrom: postgresUrl
    .optional()
    .describe('A standby of the source to copy tables from; left out, the source itself.'),
  compareRows: z
    .int()
    .min(0)
    .default(1_000_000)
    .describe('The most rows of a table that is compared with its topic once it is copied.'),
  heartbeat: z
    .number()
    .min(0)
    .default(10)
    .describe('Seconds between heartbeats that let a quiet database forget WAL; 0 sends none.'),
  lingerMs: z
    .number()
    .min(0)
    .max(200)
    .default(5)
    .describe(
      'How long small commits may wait to be read together: the more at once, the less it costs.',
    ),
  recover: z
    .enum(recoveries)
    .default('stop')
    .describe('Where the slot cannot go on: stop, copy all tables anew, or what differs.'),
  onIncompatible: z
    .enum(['letters', 'v2'])
    .default('letters')
    .describe('Where a changed table breaks its schema: dead letters, or topics of a new version.'),
});

export type SourceSettings = z.output<typeof sourceSettings>;
