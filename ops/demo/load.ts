import type { ConnectionPool, Queryable } from '@databases/pg';
import { openDatabase } from './database.ts';
import { seeded } from './random.ts';
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
  placeOrders,
  plus,
  replaceOrders,
  repriceProducts,
  rewriteNotes,
  type Shop,
  welcomeCustomers,
} from './shop.ts';

/** A transaction of the load: what happens in it, and to how many rows. */
type Transaction = readonly (readonly [action: Action, rows: number])[];

/** One round of a shop's life, in transactions of one to some hundred rows. */
const round: readonly Transaction[] = [
  [[placeOrders, 120]],
  [
    [advanceOrders, 60],
    [placeOrders, 30],
  ],
  [
    [changeCustomers, 10],
    [repriceProducts, 10],
  ],
  [
    [rewriteNotes, 20],
    [advanceOrders, 20],
  ],
  [
    [moveOrders, 5],
    [advanceOrders, 10],
  ],
  [[advanceOrders, 1]],
  [[cancelOrders, 6]],
  [[replaceOrders, 4]],
  [[advanceOrders, 30]],
  // The same rows more than once, moved and moved again, in one transaction.
  [
    [welcomeCustomers, 5],
    [changeCustomers, 5],
    [placeOrders, 10],
    [moveOrders, 3],
    [moveOrders, 3],
    [cancelOrders, 1],
  ],
  [[forgetCustomers, 1]],
];

/**
 * Feeds the shop at least `changes` committed changes: the same ones for the same seed in a fresh
 * database. Rolled-back transactions and savepoints are between them, and are not counted.
 */
export async function loadDemo(
  url: string,
  { changes, seed = 1 }: { readonly changes: number; readonly seed?: number },
): Promise<Changes> {
  const db = openDatabase(url);
  try {
    const random = seeded(seed);
    const shop: Shop = { tenants: [], customers: [], products: [], orders: [] };
    const run = (each: Transaction, on: Queryable, at = shop) => perform(on, at, { each, random });
    let sum = await db.tx((tx) =>
      run(
        [
          [openTenants, 5],
          [welcomeCustomers, 200],
        ],
        tx,
      ),
    );
    for (let n = 0; sum.inserts + sum.updates + sum.deletes < changes; n++) {
      for (const each of round) sum = plus(sum, await db.tx((tx) => run(each, tx)));
      await rolledBack(db, (tx) =>
        run(
          [
            [placeOrders, 20],
            [cancelOrders, 5],
          ],
          tx,
          copyOf(shop),
        ),
      );
      sum = plus(
        sum,
        await db.tx(async (tx) => {
          const before = await run([[placeOrders, 6]], tx);
          await rolledBack(tx, (inner) =>
            run(
              [
                [advanceOrders, 15],
                [moveOrders, 3],
              ],
              inner,
              copyOf(shop),
            ),
          );
          const kept = await tx.tx((inner) => run([[advanceOrders, 5]], inner));
          return plus(plus(before, kept), await run([[advanceOrders, 5]], tx));
        }),
      );
    }
    return sum;
  } finally {
    await db.dispose();
  }
}

async function perform(
  db: Queryable,
  shop: Shop,
  { each, random }: { readonly each: Transaction; readonly random: ReturnType<typeof seeded> },
): Promise<Changes> {
  let sum = noChanges;
  for (const [action, rows] of each) sum = plus(sum, await action(db, shop, { random, rows }));
  return sum;
}

/** Nothing of it may be remembered either. */
const copyOf = (shop: Shop): Shop => structuredClone(shop);

class RolledBack extends Error {}

/** Does the work in a transaction, or in a savepoint of one, and takes it back. */
async function rolledBack(
  db: ConnectionPool | Queryable,
  work: (tx: Queryable) => Promise<unknown>,
): Promise<void> {
  try {
    await db.tx(async (tx) => {
      await work(tx);
      throw new RolledBack('as intended');
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}
