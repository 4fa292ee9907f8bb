import { priceOn, type Unit, type UnitCosts } from '../../contracts/unit-costs.ts';
import type { LedgerRow } from '../../schemas/ledger-row.ts';
import type { NanoUsd } from '../../schemas/money.ts';
import { partsOfOne } from '../../schemas/usage.ts';
import { priceLine } from '../../processors/costs/price-line.ts';

/** Which events of a lane count, in their order, as the promises of the ledger say it. */
export function counted(rows: readonly LedgerRow[]): readonly LedgerRow[] {
  const firsts = new Map<string, LedgerRow>();
  for (const row of rows) {
    const name = nameOf(row, row.id);
    if (!firsts.has(name)) firsts.set(name, row);
  }
  const lastCorrection = new Map<string, LedgerRow>();
  for (const row of firsts.values()) {
    if (row.corrects === null) continue;
    const target = nameOf(row, row.corrects);
    if (firsts.get(target)?.corrects) continue; // It names a correction: it takes no place.
    const known = lastCorrection.get(target);
    if (!known || known.offset < row.offset) lastCorrection.set(target, row);
  }
  return [...firsts.values()].filter((row) =>
    row.corrects === null
      ? !lastCorrection.has(nameOf(row, row.id))
      : lastCorrection.get(nameOf(row, row.corrects)) === row,
  );
}

const nameOf = ({ tenant, source }: LedgerRow, id: string) => JSON.stringify([tenant, source, id]);

/** A line of what a month costs. */
export interface CostLine {
  readonly tenant: string;
  readonly month: string;
  readonly unit: string;
  readonly operation: string;
  readonly dataset: string;
  readonly region: string;
  readonly priced_from: string;
  readonly parts: bigint;
  readonly nano_usd: NanoUsd;
}

/** What usage costs, by the mathematics of the contract. */
export function costsOf(rows: readonly LedgerRow[], units: UnitCosts): readonly CostLine[] {
  const lines = new Map<string, Omit<CostLine, 'nano_usd'>>();
  for (const { tenant, unit, at, operation, dataset, region, quantity } of rows) {
    const day = new Date(at / 1_000).toISOString().slice(0, 10);
    const known = units.get(unit);
    const priced_from = known ? sinceWhen(known, tenant, day) : firstDay;
    const month = `${day.slice(0, 7)}-01`;
    const line = { tenant, month, unit, priced_from, operation, dataset, region };
    const name = JSON.stringify(line);
    lines.set(name, { ...line, parts: (lines.get(name)?.parts ?? 0n) + quantity });
  }
  const before = new Map<string, bigint>();
  return [...lines.values()].toSorted(byOrder).map((line) => {
    const unit = units.get(line.unit);
    const of = JSON.stringify([line.tenant, line.month, line.unit]);
    const had = before.get(of) ?? 0n;
    before.set(of, had + line.parts);
    const price = unit && priceOn(unit, line.tenant, line.priced_from);
    const priced = priceLine(price?.tiers ?? [], {
      quantity: line.parts,
      before: had,
      partsPerUnit: partsOfOne,
    });
    return { ...line, nano_usd: priced.amount };
  });
}

const firstDay = '1970-01-01';
const dayMs = 86_400_000;

/** Since when a tenant has had the price of a day, day by day. Nothing changes before 2026. */
function sinceWhen(unit: Unit, tenant: string, day: string): string {
  const price = priceOn(unit, tenant, day);
  for (let since = day; since >= '2026';) {
    const before = new Date(Date.parse(since) - dayMs).toISOString().slice(0, 10);
    if (priceOn(unit, tenant, before) !== price) return since;
    since = before;
  }
  return firstDay;
}

const order = ['tenant', 'month', 'unit', 'priced_from', 'operation', 'dataset', 'region'] as const;

export function byOrder(a: Omit<CostLine, 'nano_usd'>, b: Omit<CostLine, 'nano_usd'>): number {
  const column = order.find((each) => a[each] !== b[each]);
  return column === undefined ? 0 : a[column] < b[column] ? -1 : 1;
}
