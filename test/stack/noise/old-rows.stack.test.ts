import { expect, test } from 'vitest';
import { checkOldRows } from '../../../ops/readiness/old-rows.ts';
import { orders } from '../../processors/noise/orders.ts';
import { ownDatabases, raw } from '../own-databases.ts';

test('a table whose aggregates take away what is deleted is to send whole old rows, and is told how', async () => {
  await using databases = await ownDatabases(['state']);
  await databases.run('state', async (db) => {
    const found = async (asked = orders()) => checkOldRows(db, new Map([[asked.table, asked]]));
    await db.query(raw('CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint)'));
    expect(await found()).toMatchObject([
      {
        outcome: 'failed',
        what: expect.stringContaining('table public.orders does not send whole old rows'),
        fix: expect.stringContaining('ALTER TABLE public.orders REPLICA IDENTITY FULL'),
      },
    ]);
    expect(await found(orders({ changes: 'inserts' }))).toEqual([]);
    expect(await found({ ...orders(), insertOnly: true })).toEqual([]);
    await db.query(raw('ALTER TABLE orders REPLICA IDENTITY FULL'));
    expect(await found()).toEqual([]);
  });
});
