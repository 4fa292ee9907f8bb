import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unitCostsOf } from '../../../contracts/unit-costs.ts';
import type { LedgerRow } from '../../../schemas/ledger-row.ts';
import { partsOfOne } from '../../../schemas/usage.ts';
import { usageLedger } from '../../../sinks/usage.ts';
import { byOrder, type CostLine, costsOf, counted } from '../../meter/usage-model.ts';
import { freshWarehouse } from '../sinks/own-warehouse.ts';

const units = unitCostsOf(
  `unit_costs:
  graphql_call: 0.000002
  ingest_event: { price: [{ from: 2026-01-01, price: 0.0001 }, { from: 2026-11-02, tiers: [{ up_to: 5, price: 0.0003 }, { price: 0.00007 }] }] }
  storage_gb_day: { decimals: 9, price: 0.02, tenants: { b: [{ from: 2026-11-01, until: 2026-11-03, price: 0.000000003 }] } }
`,
  'unit-costs.yaml',
);

const day = Date.UTC(2026, 10, 1) * 1_000;
const hour = 3_600_000_000;

const event = fc.record({
  tenant: fc.constantFrom('a', 'b'),
  source: fc.constantFrom('s', 't'),
  id: fc.constantFrom('1', '2', '3', '4', '5', '6'),
  unit: fc.constantFrom('graphql_call', 'ingest_event', 'storage_gb_day', 'unknown'),
  quantity: fc.oneof(
    fc.bigInt(0n, 9n),
    fc.bigInt(0n, 9n).map((n) => n * partsOfOne),
    fc.bigInt(0n, 10n ** 24n),
  ),
  at: fc.nat(3).map((hours) => day - hour + hours * 20 * hour),
  operation: fc.constantFrom('', 'list'),
  dataset: fc.constantFrom('', 'orders'),
  region: fc.constantFrom('', 'eu'),
  corrects: fc.option(fc.constantFrom('1', '2', '3', '4', '9'), { freq: 2 }),
});

/** What happens to the ledger: some of the lane is written, for the first time or again, by one of two writers; or sums are made. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ write: fc.nat(9), again: fc.nat(5), writer: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ sum: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ reopen: fc.nat(1) }) },
);

test('totals and costs are those of the contract whatever came twice, late, corrected or again from another writer', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 40 }),
      fc.array(step, { maxLength: 14 }),
      async (events, steps) => {
        await using fresh = await freshWarehouse();
        const rows = events.map((each, n): LedgerRow => {
          const corrects = each.corrects === each.id ? null : each.corrects;
          const lane = each.tenant === 'a' ? 0 : 1;
          return { ...each, corrects, topic: 'usage', lane, offset: BigInt(n * 2) };
        });
        const writers = [await usageLedger(fresh.at), await usageLedger(fresh.at)];
        await writers[0]!.publishPrices(units);
        let at = 0;
        for (const each of steps) {
          if ('write' in each) {
            const from = Math.max(0, at - each.again);
            const end = Math.min(rows.length, at + each.write);
            if (end > from) await writers[each.writer]!.write(rows.slice(from, end));
            at = Math.max(at, end);
          } else if ('sum' in each) await writers[each.sum]!.sumUp();
          else {
            await writers[each.reopen]![Symbol.asyncDispose]();
            writers[each.reopen] = await usageLedger(fresh.at);
            await writers[each.reopen]!.recall(['usage']);
          }
        }
        if (at < rows.length) await writers[0]!.write(rows.slice(at));
        await writers[1]!.recall(['usage']);
        await writers[1]!.sumUp();
        const lines = await fresh.select<Record<keyof CostLine, string>>(
          `SELECT tenant, toString(month) AS month, unit, operation, dataset, region, toString(priced_from) AS priced_from,
            toString(toInt256(quantity * toDecimal256(1000000000000, 0))) AS parts, toString(nano_usd) AS nano_usd
          FROM ${fresh.at.database}.unit_costs`,
        );
        const found = lines
          .map((line) => ({ ...line, parts: BigInt(line.parts), nano_usd: BigInt(line.nano_usd) }))
          .toSorted(byOrder);
        expect(found).toEqual(costsOf(counted(rows), units));
        for (const writer of writers) await writer[Symbol.asyncDispose]();
      },
    ),
    { numRuns: 60 },
  );
}, 600_000);
