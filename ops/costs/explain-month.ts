import { priceOn, type UnitCosts } from '../../contracts/unit-costs.ts';
import {
  type Added,
  explain,
  type Moved,
  type Spent,
  type SpentLater,
} from '../../processors/costs/explain.ts';
import { priceLine } from '../../processors/costs/price-line.ts';
import type { NanoUsd } from '../../schemas/money.ts';
import { partsOfOne } from '../../schemas/usage.ts';
import { literal } from '../../sinks/clickhouse-tables.ts';
import { monthAfter } from './calendar.ts';
import type { Costs } from './open-costs.ts';

interface Asked {
  readonly from: string; // Months, YYYY-MM.
  readonly month: string;
  readonly tenant: string | null;
}

/** Why what a month costs is another than what an earlier one did. */
export async function explainMonth(
  costs: Costs,
  { from, month, tenant }: Asked,
): Promise<readonly Moved[]> {
  const units = await costs.units();
  const [before, after] = [await linesOf(costs, from, tenant), await linesOf(costs, month, tenant)];
  const lastDay = new Date(Date.parse(`${monthAfter(from)}-01`) - dayMs).toISOString().slice(0, 10);
  const repriced = atPricesOf(after.usage, units, lastDay);
  return explain(merged(before.usage), merged(after.usage, repriced), {
    before: before.added,
    after: after.added,
  });
}

const dayMs = 86_400_000;

type Line = Spent & { readonly region: string };

async function linesOf({ ask, place }: Costs, month: string, tenant: string | null) {
  const found = await ask<
    Record<
      'tenant' | 'kind' | 'unit' | 'operation' | 'dataset' | 'region' | 'parts' | 'nano',
      string
    >
  >(`SELECT tenant, kind, unit, operation, dataset, region,
        toString(toInt256(sum(quantity) * toDecimal256(1000000000000, 0))) AS parts, toString(sum(nano_usd)) AS nano
      FROM ${place.at('unit_costs')} WHERE month = '${month}-01' ${tenant === null ? '' : `AND tenant = ${literal(tenant)}`}
      GROUP BY tenant, kind, unit, operation, dataset, region ORDER BY tenant, unit, operation, dataset, region`);
  const usage: Line[] = [];
  const added: Added[] = [];
  for (const { kind, parts, nano, ...of } of found)
    if (kind === 'usage') usage.push({ ...of, quantity: BigInt(parts), nanoUsd: BigInt(nano) });
    else
      added.push({
        name: kind === 'allocation' ? of.unit : `corrections of ${of.unit}`,
        nanoUsd: BigInt(nano),
      });
  return { usage, added };
}

/** What each line would have cost at the prices of a day. Lines of a tenant and unit follow each other, in the order of tiers. */
function atPricesOf(lines: readonly Line[], units: UnitCosts, day: string): readonly NanoUsd[] {
  let of = '';
  let before = 0n;
  return lines.map(({ tenant, unit, quantity }) => {
    const own = JSON.stringify([tenant, unit]);
    if (own !== of) before = 0n;
    of = own;
    const known = units.get(unit);
    const tiers = (known && priceOn(known, tenant, day)?.tiers) ?? [];
    const { amount } = priceLine(tiers, { quantity, before, partsPerUnit: partsOfOne });
    before += quantity;
    return amount;
  });
}

/** The same without regions, and with what they would have cost. */
function merged(
  lines: readonly Line[],
  atOldPrices: readonly NanoUsd[] = [],
): readonly SpentLater[] {
  const all = new Map<string, SpentLater>();
  for (const [n, { tenant, unit, operation, dataset, quantity, nanoUsd }] of lines.entries()) {
    const of = { tenant, unit, operation, dataset };
    const name = JSON.stringify(of);
    const had = all.get(name);
    all.set(name, {
      ...of,
      quantity: (had?.quantity ?? 0n) + quantity,
      nanoUsd: (had?.nanoUsd ?? 0n) + nanoUsd,
      atOldPrices: (had?.atOldPrices ?? 0n) + (atOldPrices[n] ?? 0n),
    });
  }
  return [...all.values()];
}
