import type { Random } from './random.ts';

/** What one row of a table is made from; JSON, so that a statement can carry many. */
export type JsonRow = Readonly<Record<string, unknown>>;

/** Whose a row is. */
export interface Owned {
  readonly id: number;
  readonly tenant: number;
}

const names = [
  'Ada Müller',
  'Zoë O’Neill',
  '李小龍',
  'Олена Шевченко',
  'محمد علي',
  'Bob "Bobby" \\ Tables',
  'Núria 🦜',
] as const;
const goods = [
  'Kettle',
  'Löffel',
  'Teekanne',
  '茶碗',
  'Lamp',
  'Mug, "large"',
  'Cable\\3m',
] as const;
const countries = ['DE', 'ES', 'JP', 'UA', 'US', null] as const;
const streets = ['Hauptstraße', 'Carrer de Mallorca', '中央通り', "St. John's Road"] as const;

/** What an order goes through. */
export const statuses = ['placed', 'paid', 'packed', 'shipped', 'returned'] as const;

export const tenantRow = (random: Random, id: number): JsonRow => ({
  id,
  name: `Shop ${id} ${random.pick(goods)}`,
  plan: random.pick(['free', 'team', 'business']),
  active: random.chance(0.9),
  created_at: moment(random),
});

export const customerRow = (random: Random, { id, tenant }: Owned): JsonRow => ({
  id,
  tenant_id: tenant,
  name: random.pick(names),
  email: emailOf(random, id),
  phone: random.chance(0.3) ? null : `+49 30 ${1_000_000 + random.below(8_999_999)}`,
  country: random.pick(countries),
  marketing: random.pick([true, false, null]),
  credit_limit: random.chance(0.3) ? null : money(random, 1_000_000),
  created_at: moment(random),
});

export const productRow = (random: Random, { id, tenant }: Owned): JsonRow => ({
  id,
  tenant_id: tenant,
  sku: `SKU-${id}`,
  name: random.pick(goods),
  price: money(random, 50_000),
  weight_kg: random.chance(0.1) ? null : random.below(100_000) / 1_024,
  description: notes(random),
  stock: random.below(1_000),
  active: random.chance(0.9),
  updated_at: moment(random),
});

export const orderRow = (random: Random, { id, tenant }: Owned, customer: number): JsonRow => ({
  id,
  tenant_id: tenant,
  customer_id: customer,
  reference: uuid(random),
  status: statuses[0],
  amount: money(random, 1_000_000),
  placed_at: moment(random),
  due_on: random.chance(0.2) ? null : moment(random).slice(0, 10),
  delivery_address: random.chance(0.2) ? null : `${random.pick(streets)} ${1 + random.below(200)}`,
  notes: notes(random),
  attributes: random.chance(0.1)
    ? null
    : {
        gift: random.chance(0.2),
        source: random.pick(['web', 'app', 'phone']),
        tags: random.pick([[], ['neu'], ['été', '急ぎ']]),
        weight: { kg: random.below(1_000) / 8, note: null },
      },
});

export const itemRow = (
  random: Random,
  {
    order,
    line,
    product,
  }: { readonly order: Owned; readonly line: number; readonly product: Owned },
): JsonRow => ({
  order_id: order.id,
  line_no: line,
  tenant_id: order.tenant,
  product_id: product.id,
  quantity: 1 + random.below(9),
  price: money(random, 50_000),
  discount: random.chance(0.7) ? null : `0.${String(random.below(10 ** 9)).padStart(9, '0')}`,
});

export const emailOf = (random: Random, id: number): string =>
  `${random.pick(['ada', 'zoë', 'bob', 'kim'])}.${id}.${random.below(1_000)}@example.com`;

/** An exact amount, as text. */
export const money = (random: Random, below: number): string =>
  `${random.below(below)}.${String(random.below(100)).padStart(2, '0')}`;

/** One in eight is long enough to be stored out of line; some are short, some NULL, one is empty. */
export function notes(random: Random): string | null {
  const kind = random.below(16);
  if (kind < 2) return `${random.pick(streets)} ${'long § '.repeat(600)}${random.below(10 ** 6)}`;
  if (kind < 6) return null;
  return kind === 6 ? '' : `left at "${random.pick(streets)}"\n\twith ${random.pick(names)}`;
}

/** A moment with microseconds, of a year that has passed. */
function moment(random: Random): string {
  const at = new Date(Date.UTC(2025, 0, 1) + random.below(365 * 86_400) * 1_000);
  const micros = random.chance(0.5) ? `.${String(random.below(10 ** 6)).padStart(6, '0')}` : '';
  return at.toISOString().replace('.000Z', `${micros}Z`);
}

function uuid(random: Random): string {
  const hex = Array.from({ length: 8 }, () => random.below(65_536).toString(16).padStart(4, '0'));
  return `${hex[0]}${hex[1]}-${hex[2]}-${hex[3]}-${hex[4]}-${hex[5]}${hex[6]}${hex[7]}`;
}
