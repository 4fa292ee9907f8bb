import type { ColumnContract, TableContract } from '../../../contracts/contract.ts';
import type { Dp, Query } from '../../../contracts/dp.ts';
import { type Plan, planOf } from '../../../processors/noise/plan.ts';
import { column } from '../tables.ts';

const typed = (name: string, type: string, secret?: 'confidential'): ColumnContract => ({
  ...column(name, secret),
  type,
});

const share = 0.25;

export const queries: readonly Query[] = [
  { name: 'orders', kind: 'count', column: null, share },
  { name: 'revenue', kind: 'sum', column: 'amount', bounds: [0, 500], share },
  { name: 'basket', kind: 'mean', column: 'amount', bounds: [0, 500], share },
  { name: 'by-status', kind: 'histogram', column: 'status', buckets: ['open', 'paid'], share },
];

const dp: Dp = {
  dataset: 'orders',
  epsilon: 1,
  mechanism: 'laplace',
  window: 86_400,
  contribution: { windows: 2, rows: 2 },
  changes: 'all',
  tenants: null,
  queries,
};

/** Orders of customers, whose amount is confidential, with what is asked of them. */
export const orders = (asked: Partial<Dp> = {}): TableContract => ({
  table: 'public.orders',
  revision: 'r1',
  key: ['id'],
  tenant: 'tenant_id',
  subject: { column: 'customer_id', domain: 'public.customers.id' },
  columns: [
    typed('id', 'bigint'),
    typed('tenant_id', 'bigint'),
    typed('customer_id', 'bigint'),
    typed('status', 'text'),
    typed('amount', 'numeric(12,2)', 'confidential'),
  ],
  dp: { ...dp, ...asked },
  graph: null,
});

export function orderPlan(asked: Partial<Dp> = {}): Plan {
  const plan = planOf('shop', orders(asked));
  if (!plan) throw new Error('orders ask for something');
  return plan;
}
