import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { unitCostsOf } from '../../../contracts/unit-costs.ts';
import type { LedgerRow } from '../../../schemas/ledger-row.ts';
import { partsOfOne } from '../../../schemas/usage.ts';
import { usageLedger } from '../../../sinks/usage.ts';
import { freshWarehouse } from '../sinks/own-warehouse.ts';

const page = await readFile(new URL('../../../ops/runbooks/costs.md', import.meta.url), 'utf8');
const blocks = (kind: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${kind}\n([^\`]+)\`\`\``, 'g'))].map(([, text = '']) => text);

const row = (offset: number, over: Partial<LedgerRow>): LedgerRow => ({
  topic: 'usage',
  lane: 0,
  offset: BigInt(offset),
  tenant: 'acme',
  source: '/api',
  id: `${offset}`,
  unit: 'graphql_call',
  quantity: partsOfOne * 1_000_000n,
  at: Date.UTC(2026, 10, 5) * 1_000,
  operation: 'orders.list',
  dataset: 'orders',
  region: 'eu',
  corrects: null,
  ...over,
});

test('the ten questions of the runbook are answered, of usage that was told twice, corrected and priced by its contract', async () => {
  await using fresh = await freshWarehouse();
  await using ledger = await usageLedger(fresh.at);
  await ledger.publishPrices(unitCostsOf(blocks('yaml')[0] ?? '', 'the runbook'));
  await ledger.write([
    row(0, {}),
    row(1, { id: '0' }),
    row(2, { id: '0', quantity: partsOfOne }),
    row(3, { unit: 'ingest_event', dataset: 'lines', operation: 'insert' }),
    row(4, { unit: 'storage_gb_day', quantity: partsOfOne / 2n, operation: '' }),
    row(5, { unit: 'phone_call', quantity: partsOfOne }),
    row(6, { at: Date.UTC(2026, 9, 5) * 1_000 }),
    row(7, { corrects: '6', quantity: partsOfOne * 3_000_000n, at: Date.UTC(2026, 9, 5) * 1_000 }),
  ]);
  await ledger.sumUp();
  const answers = [];
  for (const query of blocks('sql'))
    answers.push(
      await fresh.select<Record<string, unknown>>(
        query.replaceAll(/\b(unit_costs|usage_\w+)\b/g, (name) => `${fresh.at.database}.${name}`),
      ),
    );
  expect(answers).toHaveLength(10);
  expect(answers.slice(1)).toEqual([
    [
      { unit: 'ingest_event', priced_from: '2026-01-01', used: 1_000_000, cost: 100 },
      { unit: 'graphql_call', priced_from: '1970-01-01', used: 1_000_000, cost: 2 },
      { unit: 'storage_gb_day', priced_from: '1970-01-01', used: 0.5, cost: 0.0075 },
      { unit: 'phone_call', priced_from: '1970-01-01', used: 1, cost: 0 },
    ],
    [
      { unit: 'ingest_event', operation: 'insert', cost: 100 },
      { unit: 'graphql_call', operation: 'orders.list', cost: 2 },
      { unit: 'storage_gb_day', operation: '', cost: 0.0075 },
      { unit: 'phone_call', operation: 'orders.list', cost: 0 },
    ],
    expect.arrayContaining([
      { unit: 'graphql_call', usd_per_unit: 0.000002 },
      { unit: 'storage_gb_day', usd_per_unit: 0.015 },
    ]),
    [
      { day: '2026-10-05', calls: 3_000_000 },
      { day: '2026-11-05', calls: 1_000_000 },
    ],
    [{ tenant: 'acme', this_month: 102.0075, last_month: 6, more: 96.0075 }],
    [{ dataset: 'lines', changes: 1, cost: 100 }],
    [{ unit: 'phone_call', tenant: 'acme', month: '2026-11-01', used: 1 }],
    [
      { why: 'conflict', events: 1 },
      { why: 'corrected', events: 1 },
      { why: 'repeated', events: 1 },
    ],
    [expect.objectContaining({ id: '0', quantity: 1 })],
  ]);
}, 60_000);
