import { sql } from '@databases/pg';
import { withDatabase } from './database.ts';
import type { PromisedColumns } from './capture-config.ts';

/** The table that is captured: ten columns, about 200 bytes a row. */
export const ordersTable = 'public.orders';

/** What its contract promises; sealed, the e-mail address is confidential and the customer its subject. */
export const ordersColumns = (sealed: boolean): PromisedColumns => ({
  id: { type: 'bigint', key: true },
  tenant_id: { type: 'text' },
  customer_id: { type: 'bigint' },
  status: { type: 'text' },
  amount: { type: 'numeric(12,2)' },
  created_at: { type: 'timestamp with time zone' },
  email: { type: 'text', confidential: sealed },
  city: { type: 'text' },
  age_band: { type: 'text' },
  notes: { type: 'text' },
});

/** Creates the table in a database that has it not. */
export async function createOrders(url: string): Promise<void> {
  await withDatabase(url, (db) =>
    db.query(sql`
      CREATE TABLE orders (
        id bigint PRIMARY KEY, tenant_id text NOT NULL, customer_id bigint NOT NULL, status text NOT NULL,
        amount numeric(12,2) NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
        email text, city text, age_band text, notes text)`),
  );
}

/** Rows `from` to `to` of the table, each made of its number alone. */
export const orderRows = (from: string, to: string): string => `
  SELECT g, 't' || (g % 50), (1 + (g - 1) % 1000) * 7, (array['new','paid','shipped'])[1 + g % 3],
         (g % 1000) + 0.37, now(), 'user' || g % 1000 || '@example.com',
         (array['Oslo','Rome','Lima','Cairo'])[1 + g % 4], (array['18-25','26-35','36-50'])[1 + g % 3],
         repeat('x', 60)
  FROM generate_series(${from}, ${to}) g`;

/** How many of a backlog's rows are inserts; the others update some of them. */
export const insertsOf = (rows: number): number => Math.ceil((rows * 2) / 3);

/** Commits exactly so many changes, a thousand to a transaction: two thirds inserts, then one third updates. */
export async function loadBacklog(url: string, rows: number): Promise<void> {
  const inserts = insertsOf(rows);
  const updates = rows - inserts;
  await loadRows(url, 1, inserts);
  const update = `
    UPDATE orders SET status = 'paid', amount = amount + 1
    WHERE id BETWEEN b * 1000 + 1 AND least(b * 1000 + 1000, ${updates})`;
  await withDatabase(url, (db) => db.query(inBatches(updates, update)));
}

/** Commits rows `from` to `to`, a thousand to a transaction. */
export async function loadRows(url: string, from: number, to: number): Promise<void> {
  const rows = orderRows(`${from} + b * 1000`, `least(${from} + b * 1000 + 999, ${to})`);
  await withDatabase(url, (db) => db.query(inBatches(to - from + 1, `INSERT INTO orders ${rows}`)));
}

/** Commits rows `from` to `to` in one transaction. */
export async function loadAtOnce(url: string, from: number, to: number): Promise<void> {
  await withDatabase(url, (db) =>
    db.query(raw(`INSERT INTO orders ${orderRows(`${from}`, `${to}`)}`)),
  );
}

/** Leaves nothing to do for what the server does beside its work when it finds the time: not while others are timed. */
export async function settleServer(url: string): Promise<void> {
  await withDatabase(url, async (db) => {
    await db.query(sql`VACUUM (ANALYZE)`);
    await db.query(sql`CHECKPOINT`);
  });
}

const inBatches = (rows: number, statement: string) =>
  raw(`DO $$ BEGIN
    FOR b IN 0..${Math.ceil(rows / 1_000) - 1} LOOP ${statement}; COMMIT; END LOOP;
  END $$`);

/** Statements made of numbers and of what is written in this file. */
const raw = (text: string) => sql.__dangerous__rawValue(text);
