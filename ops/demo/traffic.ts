import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionPool, sql } from '@databases/pg';
import { openDatabase } from './database.ts';
import { type Random, seeded } from './random.ts';
import {
  type Action,
  advanceOrders,
  cancelOrders,
  changeCustomers,
  type Changes,
  forgetCustomers,
  moveOrders,
  noChanges,
  openTenants,
  type Order,
  placeOrders,
  plus,
  replaceOrders,
  repriceProducts,
  rewriteNotes,
  type Shop,
  welcomeCustomers,
} from './shop.ts';

const tickMs = 250;
const mostRowsAtOnce = 1_000;
const mostOrders = 20_000; // From there on as many go as come: a demo may run for days.

/**
 * Lets the shop live at that many row changes a minute until it is aborted; an outage of the
 * database ends it with an error. Needs no load before.
 */
export async function runTraffic(
  url: string,
  options: {
    readonly changesPerMinute: number;
    readonly signal: AbortSignal;
    readonly seed?: number;
  },
): Promise<Changes> {
  const { changesPerMinute, signal, seed = Date.now() } = options;
  const db = openDatabase(url);
  try {
    const random = seeded(seed);
    const shop = await readShop(db);
    let sum = await furnish(db, shop, random);
    const perMs = changesPerMinute / 60_000;
    let due = 0;
    let last = performance.now();
    while (!signal.aborted) {
      const now = performance.now();
      due = Math.min(due + (now - last) * perMs, Math.max(mostRowsAtOnce, perMs * 5_000));
      last = now;
      while (due >= 1 && !signal.aborted) {
        const rows = Math.min(Math.ceil(due), mostRowsAtOnce);
        const done = await db.tx((tx) => happen(random, shop)(tx, shop, { random, rows }));
        due -= Math.max(1, done.inserts + done.updates + done.deletes);
        sum = plus(sum, done);
      }
      await sleep(tickMs, undefined, { signal }).catch(() => {}); // An abort ends the loop.
    }
    return sum;
  } finally {
    await db.dispose();
  }
}

/** What happens next: mostly orders that come, move on and go. */
function happen(random: Random, shop: Shop): Action {
  const many: readonly [Action, ...Action[]] = [placeOrders, advanceOrders];
  if (random.chance(0.75)) {
    if (shop.orders.length < 100) return placeOrders;
    return random.pick(
      shop.orders.length > mostOrders ? [advanceOrders, cancelHalf, ...many] : many,
    );
  }
  return few(
    random.pick([
      changeCustomers,
      rewriteNotes,
      repriceProducts,
      moveOrders,
      replaceOrders,
      cancelOrders,
      welcomeCustomers,
      forgetCustomers,
    ]),
  );
}

/** Orders go with their lines: half the rows, so that a turn is about as large as any other. */
const cancelHalf: Action = (db, shop, { random, rows }) =>
  cancelOrders(db, shop, { random, rows: Math.ceil(rows / 3) });

/** Rare things happen to few rows at a time. */
const few =
  (action: Action): Action =>
  (db, shop, { random, rows }) =>
    action(db, shop, {
      random,
      rows: action === forgetCustomers ? 1 : Math.max(1, Math.ceil(Math.min(rows, 400) / 20)),
    });

async function furnish(db: ConnectionPool, shop: Shop, random: Random): Promise<Changes> {
  return db.tx(async (tx) => {
    let sum = noChanges;
    if (shop.tenants.length === 0)
      sum = plus(sum, await openTenants(tx, shop, { random, rows: 5 }));
    if (shop.customers.length < 100)
      sum = plus(sum, await welcomeCustomers(tx, shop, { random, rows: 200 }));
    return sum;
  });
}

async function readShop(db: ConnectionPool): Promise<Shop> {
  const orders: readonly Order[] = await db.query(sql`
    SELECT o.id::float8 AS id, o.tenant_id::float8 AS tenant, o.customer_id::float8 AS customer,
      (SELECT count(*)::int FROM order_items i WHERE i.order_id = o.id) AS lines
    FROM orders o ORDER BY o.id`);
  const tenants: readonly { readonly id: number }[] = await db.query(
    sql`SELECT id::float8 AS id FROM tenants ORDER BY id`,
  );
  return {
    tenants: tenants.map(({ id }) => id),
    customers: await db.query(
      sql`SELECT id::float8 AS id, tenant_id::float8 AS tenant FROM customers ORDER BY id`,
    ),
    products: await db.query(
      sql`SELECT id::float8 AS id, tenant_id::float8 AS tenant FROM products ORDER BY id`,
    ),
    orders: [...orders],
  };
}
