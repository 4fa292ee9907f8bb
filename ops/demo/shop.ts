import { type Queryable, sql, type SQLQuery } from '@databases/pg';
import type { Random } from './random.ts';
import {
  customerRow,
  emailOf,
  itemRow,
  type JsonRow,
  money,
  notes,
  orderRow,
  type Owned,
  productRow,
  statuses,
  tenantRow,
} from './rows.ts';

/** An order as the shop remembers it, so that it can be changed without being read. */
export type Order = Owned & { readonly customer: number; readonly lines: number };

/** What is in the shop: what the next changes are about. */
export interface Shop {
  readonly tenants: number[];
  customers: Owned[];
  readonly products: Owned[];
  orders: Order[];
}

/** How many rows were changed. */
export interface Changes {
  readonly inserts: number;
  readonly updates: number;
  readonly deletes: number;
}

/** One kind of thing that happens in a shop, to about `rows` rows, in the transaction at hand. */
export type Action = (
  db: Queryable,
  shop: Shop,
  at: { readonly random: Random; readonly rows: number },
) => Promise<Changes>;

const changed = (some: Partial<Changes>): Changes => ({
  inserts: 0,
  updates: 0,
  deletes: 0,
  ...some,
});

export const noChanges = changed({});

/** The sum of two counts. */
export const plus = (a: Changes, b: Changes): Changes => ({
  inserts: a.inserts + b.inserts,
  updates: a.updates + b.updates,
  deletes: a.deletes + b.deletes,
});

/** Opens tenants, each with products and customers. */
export const openTenants: Action = async (db, shop, { random, rows }) => {
  const ids = await reserve(db, 'tenants', rows);
  await insert(
    db,
    'tenants',
    ids.map((id) => tenantRow(random, id)),
  );
  shop.tenants.push(...ids);
  const products = ids.flatMap((tenant) => Array.from({ length: 20 }, () => tenant));
  const productIds = await reserve(db, 'products', products.length);
  const added = productIds.map((id, n) => ({ id, tenant: products[n] ?? 0 }));
  await insert(
    db,
    'products',
    added.map((product) => productRow(random, product)),
  );
  shop.products.push(...added);
  return changed({ inserts: rows + added.length });
};

export const welcomeCustomers: Action = async (db, shop, { random, rows }) => {
  const ids = await reserve(db, 'customers', rows);
  const added = ids.map((id) => ({ id, tenant: one(random, shop.tenants) }));
  await insert(
    db,
    'customers',
    added.map((customer) => customerRow(random, customer)),
  );
  shop.customers.push(...added);
  return changed({ inserts: rows });
};

/** Places orders of one to three lines each. */
export const placeOrders: Action = async (db, shop, { random, rows }) => {
  const ids = await reserve(db, 'orders', Math.max(1, Math.round(rows / 3)));
  const orders = ids.map((id): Order => {
    const { id: customer, tenant } = one(random, shop.customers);
    return { id, tenant, customer, lines: 1 + random.below(3) };
  });
  const items = orders.flatMap((order) =>
    Array.from({ length: order.lines }, (_, n) =>
      itemRow(random, { order, line: n + 1, product: productOf(random, shop, order.tenant) }),
    ),
  );
  await insert(
    db,
    'orders',
    orders.map((order) => orderRow(random, order, order.customer)),
  );
  await insert(db, 'order_items', items);
  shop.orders.push(...orders);
  return changed({ inserts: orders.length + items.length });
};

/** Moves orders on, and leaves their long notes alone. */
export const advanceOrders: Action = async (db, shop, { random, rows }) => {
  const values = some(random, shop.orders, rows).map(({ id }) => ({
    id,
    status: random.pick(statuses),
    amount: money(random, 1_000_000),
  }));
  await update(db, sql`orders`, values, sql`status = r.status, amount = r.amount`);
  return changed({ updates: values.length });
};

/** Rewrites notes: long ones become short or NULL, and the other way round. */
export const rewriteNotes: Action = async (db, shop, { random, rows }) => {
  const values = some(random, shop.orders, rows).map(({ id }) => ({ id, notes: notes(random) }));
  await update(db, sql`orders`, values, sql`notes = r.notes, due_on = NULL`);
  return changed({ updates: values.length });
};

export const changeCustomers: Action = async (db, shop, { random, rows }) => {
  const values = some(random, shop.customers, rows).map(({ id }) => ({
    id,
    email: emailOf(random, id),
    credit_limit: random.chance(0.5) ? null : money(random, 1_000_000),
  }));
  await update(db, sql`customers`, values, sql`email = r.email, credit_limit = r.credit_limit`);
  return changed({ updates: values.length });
};

export const repriceProducts: Action = async (db, shop, { random, rows }) => {
  const values = some(random, shop.products, rows).map(({ id }) => ({
    id,
    price: money(random, 50_000),
    stock: random.below(1_000),
  }));
  await update(db, sql`products`, values, sql`price = r.price, stock = r.stock`);
  return changed({ updates: values.length });
};

/** Gives orders, and with them their lines, another key. */
export const moveOrders: Action = async (db, shop, { random, rows }) => {
  const moved = some(random, shop.orders, rows);
  const ids = await reserve(db, 'orders', moved.length);
  await db.query(sql`
    UPDATE orders AS t SET id = r.new
    FROM unnest(${moved.map(({ id }) => id)}::bigint[], ${[...ids]}::bigint[]) AS r(old, new)
    WHERE t.id = r.old`);
  const gone = new Set(moved.map(({ id }) => id));
  shop.orders = [
    ...shop.orders.filter(({ id }) => !gone.has(id)),
    ...moved.map((order, n) => ({ ...order, id: ids[n] ?? order.id })),
  ];
  return changed({ updates: moved.length + linesOf(moved) });
};

export const cancelOrders: Action = async (db, shop, { random, rows }) => {
  const gone = some(random, shop.orders, rows);
  await db.query(sql`DELETE FROM orders WHERE id = ANY(${gone.map(({ id }) => id)}::bigint[])`);
  const ids = new Set(gone.map(({ id }) => id));
  shop.orders = shop.orders.filter(({ id }) => !ids.has(id));
  return changed({ deletes: gone.length + linesOf(gone) });
};

/** Deletes orders and places others under the same keys: the dead come back, as somebody else. */
export const replaceOrders: Action = async (db, shop, { random, rows }) => {
  const old = some(random, shop.orders, rows);
  await db.query(sql`DELETE FROM orders WHERE id = ANY(${old.map(({ id }) => id)}::bigint[])`);
  await insert(
    db,
    'orders',
    old.map((order) => orderRow(random, order, order.customer)),
  );
  const ids = new Set(old.map(({ id }) => id));
  shop.orders = shop.orders.map((order) => (ids.has(order.id) ? { ...order, lines: 0 } : order));
  return changed({ deletes: old.length + linesOf(old), inserts: old.length });
};

/** Forgets customers, and with them all that they ordered. */
export const forgetCustomers: Action = async (db, shop, { random, rows }) => {
  const gone = some(random, shop.customers, rows);
  const ids = new Set(gone.map(({ id }) => id));
  const orders = shop.orders.filter(({ customer }) => ids.has(customer));
  await db.query(sql`DELETE FROM customers WHERE id = ANY(${[...ids]}::bigint[])`);
  shop.customers = shop.customers.filter(({ id }) => !ids.has(id));
  shop.orders = shop.orders.filter(({ customer }) => !ids.has(customer));
  return changed({ deletes: gone.length + orders.length + linesOf(orders) });
};

const linesOf = (orders: readonly Order[]) => orders.reduce((sum, { lines }) => sum + lines, 0);

async function reserve(db: Queryable, table: string, count: number): Promise<readonly number[]> {
  const rows: readonly { readonly id: bigint }[] = await db.query(
    sql`SELECT nextval(${`${table}_id_seq`}::regclass) AS id FROM generate_series(1, ${count})`,
  );
  return rows.map(({ id }) => Number(id));
}

async function insert(db: Queryable, table: string, rows: readonly JsonRow[]): Promise<void> {
  const name = sql.ident(table);
  await db.query(sql`
    INSERT INTO ${name}
    SELECT * FROM jsonb_populate_recordset(NULL::${name}, ${JSON.stringify(rows)}::jsonb)`);
}

async function update(
  db: Queryable,
  table: SQLQuery,
  rows: readonly JsonRow[],
  set: SQLQuery,
): Promise<void> {
  await db.query(sql`
    UPDATE ${table} AS t SET ${set}
    FROM jsonb_populate_recordset(NULL::${table}, ${JSON.stringify(rows)}::jsonb) AS r
    WHERE t.id = r.id`);
}

function productOf(random: Random, { products }: Shop, tenant: number): Owned {
  const theirs = products.filter((product) => product.tenant === tenant);
  return one(random, theirs);
}

function one<T>(random: Random, list: readonly T[]): T {
  const found = list[random.below(list.length)];
  if (found === undefined) throw new Error('the demo shop is empty; load it first');
  return found;
}

/** Some different ones, at most as many as there are. */
function some<T>(random: Random, list: readonly T[], count: number): readonly T[] {
  const at = new Set<number>();
  const wanted = Math.min(count, list.length);
  while (at.size < wanted) at.add(random.below(list.length));
  return [...at].flatMap((n) => list[n] ?? []);
}
