import { literal } from '../../sinks/clickhouse-tables.ts';
import type { NanoUsd } from '../../schemas/money.ts';
import type { Costs } from './open-costs.ts';

/** What a line can be told apart by, in the order in which it is told. */
export const costLabels = ['tenant', 'kind', 'unit', 'operation', 'dataset', 'region'] as const;

export type CostLabel = (typeof costLabels)[number];

/** What somebody used of a unit, and what it costs. */
export interface CostLine {
  readonly labels: Readonly<Partial<Record<CostLabel, string>>>;
  readonly quantity: string | null; // Null where it is of several units.
  readonly events: number;
  readonly nanoUsd: NanoUsd;
  readonly unpriced: number; // Lines of these that no price counts for.
}

export interface CostsAsked {
  readonly month: string; // YYYY-MM
  readonly tenant: string | null;
  readonly by: readonly CostLabel[];
}

/** The costs of a month, added up by some of what tells them apart. Amounts are added after they were rounded, each line once. */
export async function costLines(
  { ask, place }: Pick<Costs, 'ask' | 'place'>,
  { month, tenant, by }: CostsAsked,
): Promise<readonly CostLine[]> {
  const labels = costLabels.filter((label) => by.includes(label));
  const grouped =
    labels.length > 0 ? `GROUP BY ${labels.join(', ')} ORDER BY ${labels.join(', ')}` : '';
  const found = await ask<
    Record<string, string> & { readonly quantity_used: string | null }
  >(`SELECT ${[...labels, ''].join(', ')}
        ${labels.includes('unit') ? 'toString(sum(quantity))' : 'NULL'} AS quantity_used, toString(sum(events)) AS events_counted,
        toString(sum(nano_usd)) AS nano, toString(countIf(NOT is_priced)) AS unpriced
      FROM ${place.at('unit_costs')}
      WHERE month = ${literal(`${month}-01`)} ${tenant === null ? '' : `AND tenant = ${literal(tenant)}`}
      ${grouped}`);
  return found.map((row) => ({
    labels: Object.fromEntries(labels.map((label) => [label, row[label] ?? ''])),
    quantity: row.quantity_used,
    events: Number(row['events_counted']),
    nanoUsd: BigInt(row['nano'] ?? '0'),
    unpriced: Number(row['unpriced']),
  }));
}
