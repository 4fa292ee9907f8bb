import { z } from 'zod';
import type { Gateway } from '../gateway/gateway.ts';
import { type Field, field } from './schema.ts';

/** What answers contracts/graphql/rows.graphql. */
export function rowFields(gateway: Gateway): Readonly<Record<string, Field>> {
  return {
    'Query.governedRows': field(
      z.object({ table: z.string(), first: z.int(), after: z.string().nullish() }),
      {
        about: ({ table }, claims) => ({
          dataset: gateway.tableFor(claims, table),
          action: 'read',
        }),
        answer: ({ table, first, after = null }, { claims, signal }) =>
          gateway.rows({ table, first, after }, claims, signal),
      },
    ),
    'Query.governedCounts': field(z.object({ table: z.string(), by: z.array(z.string()) }), {
      about: ({ table }, claims) => ({ dataset: gateway.tableFor(claims, table), action: 'count' }),
      answer: (asked, { claims, signal }) => gateway.counts(asked, claims, signal),
    }),
  };
}
