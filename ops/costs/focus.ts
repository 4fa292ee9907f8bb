import { literal } from '../../sinks/clickhouse-tables.ts';
import { usageTables } from '../../sinks/usage-tables.ts';
import type { Closing } from './closings.ts';
import { monthAfter } from './calendar.ts';
import type { Costs } from './open-costs.ts';

export const focusFormats = ['csv', 'parquet'] as const;
export type FocusFormat = (typeof focusFormats)[number];

const formats: Readonly<Record<FocusFormat, string>> = {
  csv: `CSVWithNames SETTINGS format_csv_null_representation = '', output_format_decimal_trailing_zeros = 1`,
  parquet: `Parquet SETTINGS output_format_parquet_string_as_string = 1`,
};

/** A unit as FOCUS writes them: `graphql_call` is Graphql Call, and `storage_gb_day` GB-Days. */
const unitText = `if(match(unit, '_[kmgt]b_(hour|day|month)$'),
    concat(upper(extract(unit, '_([kmgt]b)_[a-z]+$')), '-', initcap(extract(unit, '_([a-z]+)$')), 's'),
    initcap(replaceAll(toString(unit), '_', ' ')))`;

/**
 * The lines of a closed month in the columns of FOCUS 1.2: those that it makes mandatory or recommends, what usage is
 * consumed and where, and three of our own. Who provides is who meters; the account that is billed is the tenant.
 */
export function focusFile(
  { bytes, place }: Pick<Costs, 'bytes' | 'place'>,
  { month, number }: Closing,
  {
    tenant,
    format,
    provider,
  }: { readonly tenant: string | null; readonly format: FocusFormat; readonly provider: string },
): Promise<Buffer> {
  const name = literal(provider);
  const moment = (day: string) =>
    format === 'csv'
      ? `formatDateTime(${day}, '%Y-%m-%dT00:00:00Z')`
      : `toDateTime64(${day}, 3, 'UTC')`;
  const next = `toDate('${monthAfter(month)}-01')`;
  const account = `if(tenant = '', 'nobody', tenant)`;
  const cost = 'toDecimal128(toString(nano_usd), 9) / 1000000000';
  const isUsage = `kind != 'allocation'`;
  const quantity = `if(${isUsage}, toNullable(quantity), NULL)`;
  const unit = `if(${isUsage}, toNullable(${unitText}), NULL)`;
  const category = `multiIf(startsWith(unit, 'storage'), 'Storage', startsWith(unit, 'analytics'), 'Analytics',
      startsWith(unit, 'ingest'), 'Integration', 'Other')`;
  const columns: Readonly<Record<string, string>> = {
    BilledCost: cost,
    BillingAccountId: account,
    BillingAccountName: account,
    BillingCurrency: `'USD'`,
    BillingPeriodEnd: moment(next),
    BillingPeriodStart: moment('month'),
    ChargeCategory: `if(${isUsage}, 'Usage', 'Adjustment')`,
    ChargeClass: `if(kind = 'correction', toNullable('Correction'), NULL)`,
    ChargeDescription: `multiIf(kind = 'allocation', concat('Share of ', unit, ', by ', operation),
      kind = 'correction', concat('Correction of ', unit, ' in ', formatDateTime(of_month, '%Y-%m')), toString(unit))`,
    ChargeFrequency: `if(${isUsage}, 'Usage-Based', 'Recurring')`,
    ChargePeriodEnd: moment('addMonths(of_month, 1)'),
    ChargePeriodStart: moment('of_month'),
    ConsumedQuantity: quantity,
    ConsumedUnit: unit,
    ContractedCost: cost,
    EffectiveCost: cost,
    InvoiceId: `concat(formatDateTime(month, '%Y-%m'), '/', ${account})`,
    InvoiceIssuerName: name,
    ListCost: cost,
    PricingQuantity: quantity,
    PricingUnit: unit,
    ProviderName: name,
    PublisherName: name,
    RegionId: `nullIf(toString(region), '')`,
    RegionName: `nullIf(toString(region), '')`,
    ServiceCategory: category,
    ServiceName: 'toString(unit)',
    ServiceSubcategory: `concat('Other (', ${category}, ')')`,
    x_Dataset: `nullIf(toString(dataset), '')`,
    x_Operation: `nullIf(toString(operation), '')`,
    x_PricedFrom: moment('priced_from'),
  };
  const selected = Object.entries(columns).map(([column, value]) => `${value} AS ${column}`);
  return bytes(`SELECT ${selected.join(', ')}
      FROM ${place.at(usageTables.closedLines)} WHERE month = '${month}-01' AND number = ${number}
        ${tenant === null ? '' : `AND tenant = ${literal(tenant)}`}
      ORDER BY tenant, kind, of_month, unit, priced_from, operation, dataset, region
      FORMAT ${formats[format]}`);
}
