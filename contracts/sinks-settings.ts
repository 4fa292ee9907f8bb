import { z } from 'zod';
import { httpUrl, postgresUrl, settingName } from './setting-forms.ts';

/** The settings of `sinks.postgres`. */
const mirror = z.strictObject({
  url: postgresUrl,
  consistency: z
    .enum(['fastest', 'transactions'])
    .default('fastest')
    .describe(
      'fastest: each change as soon as it is there. transactions: readers see whole transactions of the source only.',
    ),
});

const graph = z.strictObject({
  url: z.url({
    protocol: /^(bolt|neo4j)(\+s|\+ssc)?$/,
    error: 'a Bolt URL, bolt://host:7687',
  }),
  user: z.string().min(1),
  password: z.string(),
  database: z.string().min(1).default('neo4j'),
});

const warehouse = z.strictObject({
  url: httpUrl,
  user: z.string().min(1).default('default'),
  password: z.string().default(''),
  database: settingName.default('governed'),
  cluster: settingName
    .optional()
    .describe(
      'The name of a cluster: tables are made on all of it, replicated, and lanes are spread over its shards.',
    ),
});

/** The settings of `sinks`. */
export const sinksSettings = z
  .strictObject({
    postgres: mirror.optional().describe('The mirror.'),
    neo4j: graph.optional().describe('The graph.'),
    clickhouse: warehouse.optional().describe('The warehouse.'),
  })
  .prefault({})
  .describe('Where governed changes come to rest. One worker and one consumer group each.');
