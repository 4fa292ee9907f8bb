import { type Queryable, sql } from '@databases/pg';

/** What a month of a query costs those whom it counts. Amounts are billionths of ε, or of ρ under Gaussian noise. */
export interface Cost {
  readonly tenant: string | null;
  readonly dataset: string;
  readonly month: string;
  readonly query: string;
  readonly revision: string;
  readonly mechanism: 'laplace' | 'gaussian';
  readonly epsilon: number;
  readonly budget: bigint;
  readonly cost: bigint;
}

/** Makes the tables of the ledger where they are not there. */
export async function createLedger(tx: Queryable): Promise<void> {
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_budgets (
      tenant TEXT NOT NULL, -- '' where rows have none, or all have series together.
      dataset TEXT NOT NULL,
      month TEXT NOT NULL,
      mechanism TEXT NOT NULL,
      epsilon INTEGER NOT NULL,
      budget BIGINT NOT NULL,
      spent BIGINT NOT NULL DEFAULT 0,
      PRIMARY KEY (tenant, dataset, month),
      CHECK (0 <= spent AND spent <= budget)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_spends (
      tenant TEXT NOT NULL,
      dataset TEXT NOT NULL,
      month TEXT NOT NULL,
      query TEXT NOT NULL,
      revision TEXT NOT NULL,
      cost BIGINT NOT NULL CHECK (cost > 0),
      PRIMARY KEY (tenant, dataset, month, query, revision)
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS dp_refusals (
      tenant TEXT NOT NULL,
      dataset TEXT NOT NULL,
      month TEXT NOT NULL,
      query TEXT NOT NULL,
      reason TEXT NOT NULL,
      windows BIGINT NOT NULL,
      PRIMARY KEY (tenant, dataset, month, query, reason)
    )`);
  await guard(tx);
}

/** What was spent stays so for whoever can write to the tables by hand, too. */
async function guard(tx: Queryable): Promise<void> {
  await tx.query(sql`
    CREATE OR REPLACE FUNCTION dp_budgets_stay_spent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'dp_budgets' THEN
        IF NEW.spent >= OLD.spent AND NEW.budget <= OLD.budget
          AND (NEW.tenant, NEW.dataset, NEW.month, NEW.mechanism, NEW.epsilon)
            = (OLD.tenant, OLD.dataset, OLD.month, OLD.mechanism, OLD.epsilon) THEN
          RETURN NEW;
        END IF;
      END IF;
      RAISE EXCEPTION 'a privacy budget is never refunded: what was published cannot be taken back';
    END $$`);
  for (const table of ['dp_budgets', 'dp_spends']) {
    const name = sql.ident(table);
    await tx.query(sql`
      CREATE OR REPLACE TRIGGER dp_budgets_stay_spent BEFORE UPDATE OR DELETE ON ${name}
        FOR EACH ROW EXECUTE FUNCTION dp_budgets_stay_spent()`);
    await tx.query(sql`
      CREATE OR REPLACE TRIGGER dp_budgets_stay BEFORE TRUNCATE ON ${name}
        FOR EACH STATEMENT EXECUTE FUNCTION dp_budgets_stay_spent()`);
  }
}

/**
 * Spends what a month of a query costs, once, in the transaction that decides on its release: whether it was paid for
 * now, or before, or may not be released. The budget of a month is what was promised when it was first spent of: it may become less, and never more.
 */
export async function spend(tx: Queryable, cost: Cost): Promise<'now' | 'before' | null> {
  const { dataset, month, query, revision, mechanism } = cost;
  const tenant = cost.tenant ?? '';
  await tx.query(sql`
    INSERT INTO dp_budgets (tenant, dataset, month, mechanism, epsilon, budget)
    VALUES (${tenant}, ${dataset}, ${month}, ${mechanism}, ${cost.epsilon}, ${`${cost.budget}`})
    ON CONFLICT DO NOTHING`);
  const [known] = (await tx.query(sql`
    SELECT mechanism, budget::text, spent::text FROM dp_budgets
    WHERE tenant = ${tenant} AND dataset = ${dataset} AND month = ${month} FOR UPDATE`)) as readonly {
    readonly mechanism: string;
    readonly budget: string;
    readonly spent: string;
  }[];
  const before = await tx.query(sql`
    SELECT 1 FROM dp_spends WHERE tenant = ${tenant} AND dataset = ${dataset} AND month = ${month}
      AND query = ${query} AND revision = ${revision}`);
  if (before.length > 0) return 'before';
  const spent = BigInt(known?.spent ?? 0) + cost.cost;
  const budget = BigInt(known?.budget ?? 0);
  const limit = budget < cost.budget ? budget : cost.budget;
  if (known?.mechanism !== mechanism || spent > limit) return null;
  await tx.query(sql`
    INSERT INTO dp_spends (tenant, dataset, month, query, revision, cost)
    VALUES (${tenant}, ${dataset}, ${month}, ${query}, ${revision}, ${`${cost.cost}`})`);
  await tx.query(sql`
    UPDATE dp_budgets SET spent = ${`${spent}`}
    WHERE tenant = ${tenant} AND dataset = ${dataset} AND month = ${month}`);
  return 'now';
}

/**
 * Why a window was not published: its budget is spent; its query was published earlier in this month, and not without a
 * gap since; or it was published before of other inputs.
 */
export type Withheld = 'budget' | 'interrupted' | 'second-release';

/** Remembers that a window was withheld. */
export async function withhold(
  tx: Queryable,
  { tenant, dataset, month, query }: Pick<Cost, 'tenant' | 'dataset' | 'month' | 'query'>,
  reason: Withheld,
): Promise<void> {
  await tx.query(sql`
    INSERT INTO dp_refusals AS known (tenant, dataset, month, query, reason, windows)
    VALUES (${tenant ?? ''}, ${dataset}, ${month}, ${query}, ${reason}, 1)
    ON CONFLICT (tenant, dataset, month, query, reason) DO UPDATE SET windows = known.windows + 1`);
}

/** A month of a dataset, as the ledger has it. */
export interface Account {
  readonly tenant: string;
  readonly dataset: string;
  readonly month: string;
  readonly mechanism: 'laplace' | 'gaussian';
  readonly epsilon: number;
  readonly budget: bigint;
  readonly spent: bigint;
  readonly withheld: number; // Windows of queries that were not published.
}

/** The share of its budget that is spent of a dataset's newest month; of tenants, that of the one that has spent most. */
export async function spentShare(db: Queryable, dataset: string): Promise<number> {
  const [row] = (await db.query(sql`
    SELECT coalesce(max(spent::float8 / budget), 0) AS share FROM dp_budgets
    WHERE dataset = ${dataset}
      AND month = (SELECT max(month) FROM dp_budgets WHERE dataset = ${dataset})`)) as readonly {
    readonly share: number;
  }[];
  return row?.share ?? 0;
}

/** All that was ever spent, the newest month first. */
export async function accounts(db: Queryable): Promise<readonly Account[]> {
  const rows = (await db.query(sql`
    SELECT tenant, dataset, month, mechanism, epsilon, budget::text, spent::text,
      (SELECT coalesce(sum(windows), 0)::int FROM dp_refusals AS r
       WHERE (r.tenant, r.dataset, r.month) = (b.tenant, b.dataset, b.month)) AS withheld
    FROM dp_budgets AS b ORDER BY month DESC, dataset, tenant`)) as readonly (Omit<
    Account,
    'budget' | 'spent'
  > & { readonly budget: string; readonly spent: string })[];
  return rows.map((row) => ({ ...row, budget: BigInt(row.budget), spent: BigInt(row.spent) }));
}
