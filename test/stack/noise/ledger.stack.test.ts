import { type ConnectionPool, sql } from '@databases/pg';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { accounts, type Cost, createLedger, spend } from '../../../pipelines/noise/ledger.ts';
import { type OwnDatabases, ownDatabases } from '../own-databases.ts';

const billion = 1_000_000_000n;

const cost = (more: Partial<Cost> = {}): Cost => ({
  tenant: null,
  dataset: 'orders',
  month: '2026-11',
  query: 'count',
  revision: 'r1',
  mechanism: 'laplace',
  epsilon: 1,
  budget: billion,
  cost: billion / 4n,
  ...more,
});

let databases: OwnDatabases<'state'>;
let db: ConnectionPool;

beforeAll(async () => {
  databases = await ownDatabases(['state']);
  db = openDatabase(databases.urlOf('state'));
});

afterAll(async () => {
  await db?.dispose();
  await databases?.[Symbol.asyncDispose]();
});

/** As if nothing had ever been spent: it cannot be taken back but with the tables. */
async function begin(): Promise<void> {
  await db.query(sql`DROP TABLE IF EXISTS dp_budgets, dp_spends, dp_refusals`);
  await db.tx(createLedger);
}

beforeEach(begin);

const paid = (more?: Partial<Cost>) => db.tx((tx) => spend(tx, cost(more)));

async function account() {
  const [only] = await accounts(db);
  return only;
}

describe('a budget', () => {
  test('is spent once for each month of a query, however often it is asked for', async () => {
    for (const said of ['now', 'before', 'before']) expect(await paid()).toBe(said);
    expect(await account()).toMatchObject({ spent: billion / 4n, budget: billion });
  });

  test('refuses what it has no room for, and goes on with what it has', async () => {
    for (const query of ['a', 'b', 'c']) expect(await paid({ query })).toBe('now');
    expect(await paid({ query: 'd', cost: billion / 2n })).toBeNull();
    expect(await paid({ query: 'e' })).toBe('now');
    expect(await paid({ query: 'f', cost: 1n })).toBeNull();
    expect(await account()).toMatchObject({ spent: billion });
  });

  test('is one for each tenant, dataset and month', async () => {
    const whole = { cost: billion };
    expect(await paid(whole)).toBe('now');
    for (const other of [{ tenant: '1' }, { dataset: 'lines' }, { month: '2026-12' }])
      expect(await paid({ ...whole, ...other })).toBe('now');
    expect(await paid({ query: 'more', cost: 1n })).toBeNull();
  });

  test('of a month that has begun does not grow by a greater ε, nor change its noise', async () => {
    await paid({ cost: billion });
    expect(await paid({ revision: 'r2', epsilon: 4, budget: 4n * billion })).toBeNull();
    expect(await paid({ month: '2026-12', budget: 4n * billion, cost: 4n * billion })).toBe('now');
    expect(await paid({ month: '2027-01', mechanism: 'laplace' })).toBe('now');
    expect(await paid({ month: '2027-01', mechanism: 'gaussian', query: 'other' })).toBeNull();
  });

  test('that was promised to be less is less at once', async () => {
    await paid({ budget: 2n * billion });
    expect(await paid({ query: 'b', budget: billion, cost: billion })).toBeNull();
    expect(await paid({ query: 'b', budget: billion, cost: (3n * billion) / 4n })).toBe('now');
  });

  test('is never refunded, not by who can write to the database either', async () => {
    await paid();
    for (const refund of [
      sql`UPDATE dp_budgets SET spent = 0`,
      sql`UPDATE dp_budgets SET budget = budget + 1`,
      sql`UPDATE dp_budgets SET month = '2020-01'`,
      sql`UPDATE dp_budgets SET dataset = 'other'`,
      sql`UPDATE dp_budgets SET tenant = 'other'`,
      sql`UPDATE dp_budgets SET mechanism = 'gaussian'`,
      sql`DELETE FROM dp_budgets`,
      sql`TRUNCATE dp_budgets`,
      sql`UPDATE dp_spends SET query = 'other'`,
      sql`UPDATE dp_spends SET cost = 1`,
      sql`DELETE FROM dp_spends`,
      sql`TRUNCATE dp_spends`,
    ])
      await expect(db.query(refund)).rejects.toThrow('never refunded');
    await db.tx(createLedger); // Whoever starts makes sure of the tables again.
    expect(await account()).toMatchObject({ spent: billion / 4n });
  });

  test('is not spent by what is rolled back with its release', async () => {
    const failed = db.tx(async (tx) => {
      expect(await spend(tx, cost())).toBe('now');
      throw new Error('the release failed');
    });
    await expect(failed).rejects.toThrow('the release failed');
    expect(await accounts(db)).toEqual([]);
  });
});

test('whoever spends at the same time, in whatever order: no more than the budget, and all of what is said to be paid', async () => {
  const queries = ['a', 'b', 'c', 'd', 'e', 'f'];
  const asked = fc.record({
    costs: fc.tuple(...queries.map(() => fc.bigInt({ min: 1n, max: billion / 2n }))),
    order: fc.array(fc.nat({ max: queries.length - 1 }), { minLength: 2, maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ costs, order }) => {
      await begin();
      const answers = await Promise.all(
        order.map((at) => paid({ query: queries[at] ?? '', cost: costs[at] ?? 0n })),
      );
      const rows = (await db.query(sql`SELECT query, cost::text FROM dp_spends`)) as readonly {
        query: string;
        cost: string;
      }[];
      const spent = rows.reduce((sum, row) => sum + BigInt(row.cost), 0n);
      expect(await account()).toMatchObject({ spent });
      expect(spent).toBeLessThanOrEqual(billion);
      for (const [n, at] of order.entries())
        expect(answers[n] !== null).toBe(rows.some(({ query }) => query === queries[at]));
    }),
    { numRuns: 25, endOnFailure: true },
  );
});
