import { sql } from '@databases/pg';
import { accounts } from '../../pipelines/noise/ledger.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';

/** What a dataset has spent in a month, of what it may. */
export interface Account {
  readonly month: string;
  readonly dataset: string;
  readonly tenant: string | null; // Null where rows have none, or all have series together.
  readonly epsilon: number;
  readonly mechanism: 'laplace' | 'gaussian';
  readonly spentShare: number; // Of the budget: of ε itself under Laplace noise, of the ρ that it allows under Gaussian.
  readonly withheld: number; // Windows of queries that were not published.
}

/** Reads the ledger in Conductor's own database; of one that has none yet, nothing. */
export async function budgets(stateUrl: string): Promise<readonly Account[]> {
  const db = ownPool(stateUrl, { name: 'conductor privacy', size: 1 });
  try {
    const [there] = (await db.query(
      sql`SELECT to_regclass('dp_budgets') IS NOT NULL AS there`,
    )) as readonly { readonly there: boolean }[];
    if (!there?.there) return [];
    return (await accounts(db)).map(({ tenant, budget, spent, ...rest }) => ({
      ...rest,
      tenant: tenant === '' ? null : tenant,
      spentShare: Number(spent) / Number(budget),
    }));
  } catch (error) {
    throw postgresTrouble(error, 'state.url', stateUrl);
  } finally {
    await partFrom(db);
  }
}
