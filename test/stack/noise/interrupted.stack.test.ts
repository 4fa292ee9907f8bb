import { type ConnectionPool, sql } from '@databases/pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Dp } from '../../../contracts/dp.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import type { Noisy } from '../../../schemas/noisy.ts';
import { type OwnDatabases, ownDatabases } from '../own-databases.ts';
import { day, indexOf, ordered, plain, workerOf } from './orders-worker.ts';

let databases: OwnDatabases<'state'> | null = null;
let db: ConnectionPool;

beforeEach(async () => {
  databases = await ownDatabases(['state']);
  db = openDatabase(databases.urlOf('state'));
});

afterEach(async () => {
  await db?.dispose();
  await databases?.[Symbol.asyncDispose]();
});

describe('a query that was published in this month, and not since', () => {
  const three = plain().dp?.queries.slice(0, 3) ?? [];
  const others = {
    'by a promise for which there is no room': [{}, { epsilon: 4 }],
    'by a promise for which there is room': [
      { queries: three },
      { queries: three.map((each) => ({ ...each, bounds: [0, 400] as const, share: 0.05 })) },
    ],
    'because nobody asked for it': [{ queries: three }, { queries: three.slice(0, 1) }],
  } satisfies Record<string, readonly [Partial<Dp>, Partial<Dp>]>;

  test.each(Object.entries(others))(
    'does not go on in it, for it would tell exact sums: interrupted %s',
    async (_, [asked, other]) => {
      for (const date of ['2026-11-03', '2026-11-06'])
        await (await workerOf(db, asked)).close(ordered(date, [{ customer: 7, amount: '20.00' }]));
      await (await workerOf(db, other)).close(ordered('2026-11-07', []));
      const dates = ['2026-11-08', '2026-11-09', '2026-11-30', '2026-12-01', '2026-12-02'];
      const back: Noisy[] = [];
      for (const date of dates) {
        const one = await workerOf(db, asked); // Over restarts too.
        await one.close(ordered(date, [{ customer: 7, amount: '9.00' }]));
        back.push(...one.sent());
      }
      const december = indexOf('2026-12-01') * day;
      const ofRevenue = back.filter(({ query }) => query === 'revenue');
      expect(ofRevenue.filter(({ from }) => from < december)).toEqual([]);
      expect(ofRevenue.map(({ span, from }) => [span, from / day - indexOf('2026-12-01')])).toEqual(
        [
          ['window', 0],
          ['month', 0],
          ['total', 0],
          ['window', 1],
          ['month', 0],
          ['total', 0],
        ],
      );
      const told = await db.query(
        sql`SELECT windows::int FROM dp_refusals WHERE query = 'revenue' AND reason = 'interrupted'`,
      );
      expect(told).toEqual([{ windows: 23 }]);
    },
  );
});
