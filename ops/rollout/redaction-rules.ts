import { type ConnectionPool, sql } from '@databases/pg';

/** A person's order: whoever reads with this tier sees no more of a column than that it is there. */
export interface RedactionRule {
  readonly field: string; // Schema, table and column.
  readonly tier: string; // A role, or several with + between: all of them must be borne.
  readonly tenant: string | null; // Null: for every tenant.
}

export interface KeptRule extends RedactionRule {
  readonly by: string;
  readonly at: Date;
}

export interface RedactionRules {
  all(): Promise<readonly KeptRule[]>;
  set(rule: RedactionRule, by: string): Promise<void>;
  /** Takes a rule back, of that tenant or of all, and keeps who did; says whether there was one. */
  lift(rule: RedactionRule, by: string): Promise<boolean>;
}

/** Keeps them in `privacy_redaction_rules` of Conductor's own database. They only narrow, so no order of them matters. */
export async function redactionRulesIn(db: ConnectionPool): Promise<RedactionRules> {
  await db.tx((tx) =>
    tx.query([
      sql`SELECT pg_advisory_xact_lock(hashtext('conductor.privacy_redaction_rules'))`,
      sql`SET LOCAL client_min_messages = warning`,
      sql`CREATE TABLE IF NOT EXISTS privacy_redaction_rules (
        field TEXT NOT NULL,
        tier TEXT NOT NULL,
        tenant TEXT,
        by TEXT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT now(),
        lifted_by TEXT,
        lifted_at TIMESTAMPTZ
      )`,
      sql`CREATE UNIQUE INDEX IF NOT EXISTS privacy_redaction_rules_in_force
        ON privacy_redaction_rules (field, tier, tenant) NULLS NOT DISTINCT WHERE lifted_at IS NULL`,
    ]),
  );
  return {
    async all() {
      return (await db.query(sql`
        SELECT field, tier, tenant, by, at FROM privacy_redaction_rules
        WHERE lifted_at IS NULL ORDER BY field, tier, tenant`)) as readonly KeptRule[];
    },
    async set({ field, tier, tenant }, by) {
      await db.query(sql`
        INSERT INTO privacy_redaction_rules (field, tier, tenant, by)
        VALUES (${field}, ${tier}, ${tenant}, ${by}) ON CONFLICT DO NOTHING`);
    },
    async lift({ field, tier, tenant }, by) {
      const lifted = await db.query(sql`
        UPDATE privacy_redaction_rules SET lifted_by = ${by}, lifted_at = now()
        WHERE field = ${field} AND tier = ${tier} AND tenant IS NOT DISTINCT FROM ${tenant}
          AND lifted_at IS NULL
        RETURNING 1`);
      return lifted.length > 0;
    },
  };
}

/** Whether an order concerns whoever bears these roles, for a tenant. */
export const concerns = (
  rule: RedactionRule,
  { roles, tenant }: { readonly roles: readonly string[]; readonly tenant: string },
): boolean =>
  (rule.tenant === null || rule.tenant === tenant) &&
  rule.tier.split('+').every((role) => roles.includes(role));
