import { hash } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { type PricePeriod, pricePeriods, type UnitCosts } from '../contracts/unit-costs.ts';
import { quantityText } from '../schemas/usage.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal } from './clickhouse-tables.ts';
import { usageTables } from './usage-tables.ts';

/** Lets the warehouse price by these from now on, unless it does so already. What is closed keeps its amounts. */
export async function publishPrices(
  client: ClickHouseClient,
  place: WarehousePlace,
  units: UnitCosts,
): Promise<void> {
  const rows = rowsOf(units);
  const revision = hash('sha256', rows.join('\n'), 'hex').slice(0, 32);
  const prices = place.at(usageTables.prices);
  const answer = await client.query({
    query: `SELECT toString(max(number)) AS newest, argMax(revision, number) AS revision FROM ${prices}`,
    format: 'JSONEachRow',
  });
  const [newest] = await answer.json<{ newest: string; revision: string }>();
  if (newest?.revision === revision || rows.length === 0) return;
  const number = BigInt(newest?.newest ?? 0) + 1n;
  const values = rows.map((row) => `(${number}, ${literal(revision)}, ${row})`);
  await client.command({
    query: `INSERT INTO ${prices} (number, revision, unit, tenant, from, up_to, nano_usd) VALUES ${values.join(', ')}`,
  });
}

/** The prices as rows say them, those of all and those of tenants that have their own. */
function rowsOf(units: UnitCosts): readonly string[] {
  return [...units.values()].flatMap((unit) =>
    ['', ...unit.tenants.keys()].flatMap((tenant) =>
      pricePeriods(unit, tenant).map(({ from, tiers }: PricePeriod) =>
        [
          literal(unit.name),
          literal(tenant),
          literal(from),
          `[${tiers.map(({ upTo }) => literal(quantityText(upTo ?? 0n))).join(', ')}]`,
          `[${tiers.map(({ nanoUsd }) => nanoUsd).join(', ')}]`,
        ].join(', '),
      ),
    ),
  );
}
