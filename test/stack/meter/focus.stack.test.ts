import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { closeMonth } from '../../../ops/costs/close-month.ts';
import { exportMonth } from '../../../ops/costs/export-month.ts';
import type { LedgerRow } from '../../../schemas/ledger-row.ts';
import { openEnvelope } from '../../../schemas/dsse.ts';
import { nanoUsdOf } from '../../../schemas/money.ts';
import { signingKey } from '../../../schemas/signing-key.ts';
import { statementType } from '../../../schemas/stream-manifest.ts';
import { partsOfOne } from '../../../schemas/usage.ts';
import { type OwnCosts, ownCosts } from './own-costs.ts';

const row = (n: number, over: Partial<LedgerRow>): LedgerRow => ({
  topic: 'usage',
  lane: 0,
  offset: BigInt(n),
  tenant: 'acme, "inc"',
  source: 's',
  id: `${n}`,
  unit: 'graphql_call',
  quantity: partsOfOne * 7n,
  at: Date.parse('2026-09-10T00:00:00Z') * 1_000,
  operation: 'list',
  dataset: '',
  region: 'eu',
  corrects: null,
  ...over,
});

const close = { who: 'a test', now: new Date('2026-11-28T00:00:00Z'), early: false };
const asked = { tenant: null, format: 'csv', name: 'costs.csv' } as const;

/** Two closed months: with tiers, a share, somebody unknown, and a correction in the second. */
async function closedMonths(own: OwnCosts): Promise<void> {
  const { costs, ledger } = own;
  await own.allocate({ rent: { method: 'even', costs: { '2026-09': 1, '2026-10': 1 } } });
  await ledger.write([
    row(0, {}),
    row(1, { tenant: 'b', unit: 'storage_gb_day', quantity: 1n, region: '' }),
    row(2, { tenant: '' }),
    row(3, { unit: 'ingest_event', at: Date.parse('2026-10-10T00:00:00Z') * 1_000 }),
  ]);
  await ledger.sumUp();
  await closeMonth(costs, { ...close, month: '2026-09' });
  await ledger.write([row(4, { corrects: '0', quantity: partsOfOne })]);
  await ledger.sumUp();
  await closeMonth(costs, { ...close, month: '2026-10' });
}

/** Reads CSV as RFC 4180 writes it; what is not quoted and empty is null. */
function csvOf(bytes: Buffer): readonly Readonly<Record<string, string | null>>[] {
  const [head = [], ...rows] = bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
        quoted === undefined ? plain || null : quoted.replaceAll('""', '"'),
      ),
    );
  return rows.map((cells) =>
    Object.fromEntries(head.map((name, n) => [name ?? '', cells[n] ?? null])),
  );
}

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const decimal = /^-?\d+(\.\d+)?$/;
const text = /./s;

/** What FOCUS 1.2 says of the columns that it makes mandatory or recommends: their form, and whether they may be null. */
const mandatory: Readonly<Record<string, { readonly form: RegExp; readonly nulls?: true }>> = {
  BilledCost: { form: decimal },
  BillingAccountId: { form: text },
  BillingAccountName: { form: text, nulls: true },
  BillingCurrency: { form: /^USD$/ },
  BillingPeriodEnd: { form: moment },
  BillingPeriodStart: { form: moment },
  ChargeCategory: { form: /^(Usage|Purchase|Tax|Credit|Adjustment)$/ },
  ChargeClass: { form: /^Correction$/, nulls: true },
  ChargeDescription: { form: text, nulls: true },
  ChargeFrequency: { form: /^(One-Time|Recurring|Usage-Based)$/ },
  ChargePeriodEnd: { form: moment },
  ChargePeriodStart: { form: moment },
  ContractedCost: { form: decimal },
  EffectiveCost: { form: decimal },
  InvoiceId: { form: text },
  InvoiceIssuerName: { form: text },
  ListCost: { form: decimal },
  PricingQuantity: { form: decimal, nulls: true },
  PricingUnit: { form: /^(GB-Days|[A-Z][a-z]+( [A-Z][a-z]+)*)$/, nulls: true },
  ProviderName: { form: text },
  PublisherName: { form: text },
  ServiceCategory: { form: /^(Analytics|Integration|Other|Storage)$/ },
  ServiceName: { form: text },
  ServiceSubcategory: { form: /^Other \((Analytics|Integration|Other|Storage)\)$/ },
};

test('a closed month is exported in the columns of FOCUS, adds up to what was closed, and is the same bytes again', async () => {
  await using own = await ownCosts();
  await closedMonths(own);
  for (const month of ['2026-09', '2026-10']) {
    const { bytes, digest, manifest } = await exportMonth(own.costs, { ...asked, month });
    expect((await exportMonth(own.costs, { ...asked, month })).bytes.equals(bytes)).toBe(true);
    expect(digest).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(manifest).toBeNull();
    const rows = csvOf(bytes);
    for (const each of rows) {
      for (const [name, { form, nulls }] of Object.entries(mandatory)) {
        const value = each[name];
        if (value === null) expect(nulls, name).toBe(true);
        else expect(value, name).toMatch(form);
      }
      if (each['ChargeCategory'] === 'Usage' && each['ChargeClass'] === null)
        expect(each['PricingQuantity'] !== null && each['PricingUnit'] !== null).toBe(true);
    }
    const { closing } = await closeMonth(own.costs, { ...close, month });
    const billed = rows.map((each) => nanoUsdOf(each['BilledCost'] ?? '') ?? 0n);
    expect(billed.reduce((sum, nano) => sum + nano, 0n)).toBe(closing.nanoUsd);
    expect(rows).toHaveLength(closing.lines);
  }
});

test('a correction is told as FOCUS has it, for the month that it corrects, and a tenant gets his own lines only', async () => {
  await using own = await ownCosts();
  await closedMonths(own);
  const { bytes } = await exportMonth(own.costs, {
    ...asked,
    month: '2026-10',
    tenant: 'acme, "inc"',
  });
  const rows = csvOf(bytes);
  expect(new Set(rows.map((each) => each['BillingAccountId']))).toEqual(new Set(['acme, "inc"']));
  expect(rows.filter((each) => each['ChargeClass'] === 'Correction')).toMatchObject([
    {
      BilledCost: '-0.000012000',
      ChargeCategory: 'Usage',
      ChargePeriodStart: '2026-09-01T00:00:00Z',
      ChargePeriodEnd: '2026-10-01T00:00:00Z',
      BillingPeriodStart: '2026-10-01T00:00:00Z',
      PricingQuantity: '-6.000000000000',
      PricingUnit: 'Graphql Call',
      ChargeFrequency: 'Usage-Based',
    },
  ]);
});

test('an export is signed by the key of the log, as Parquet, too; and a month that is open has none', async () => {
  await using own = await ownCosts({ provenance: { signingKey: '07'.repeat(32), origin: 'test' } });
  await closedMonths(own);
  const { bytes, digest, manifest } = await exportMonth(own.costs, {
    ...asked,
    month: '2026-10',
    format: 'parquet',
    name: 'costs.parquet',
  });
  expect(bytes.subarray(0, 4).toString()).toBe('PAR1');
  const key = signingKey('07'.repeat(32));
  const opened = openEnvelope(manifest ?? Buffer.alloc(0), statementType, new Map([[key.id, key]]));
  const said = 'body' in opened ? (JSON.parse(opened.body.toString()) as unknown) : opened;
  expect(said).toMatchObject({
    subject: [{ name: 'costs.parquet', digest: { sha256: digest } }],
    predicate: { month: '2026-10', format: 'parquet' },
  });
  await expect(exportMonth(own.costs, { ...asked, month: '2026-11' })).rejects.toThrow(
    'is not closed',
  );
});
