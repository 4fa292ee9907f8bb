import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import type { Claims } from '../../contracts/token-claims.ts';
import { scopesOf } from '../../contracts/token-claims.ts';

/** What is noted of a call before it is answered: never what its variables held. */
export interface AuditEntry {
  readonly claims: Claims;
  readonly field: string; // `Mutation.enablePrivacyV2`
  readonly ability: string;
  readonly operation: string | null;
  readonly dataset: string | null;
  readonly allowed: boolean;
  readonly reason: string;
  readonly rules: readonly string[];
  readonly revision: string;
}

export interface Audit {
  /** Resolves once the entry is durable; whoever cannot be noted is not answered. */
  note(entry: AuditEntry): Promise<void>;
  /** Whether a token that is good for one call is used for the first time; it is spent by asking. */
  spend(claims: Claims): Promise<boolean>;
  /** Forgets what is older than its retention. */
  forget(): Promise<void>;
}

/** How long calls are remembered. */
const retentionDays = 30;

/** Keeps the audit in `api_audit` of Conductor's own database, for 30 days. */
export async function auditIn(db: ConnectionPool): Promise<Audit> {
  await db.tx(create);
  return {
    async note({ claims, field, ability, operation, dataset, allowed, reason, rules, revision }) {
      const scope = scopesOf(claims);
      await db.query(sql`
        INSERT INTO api_audit (subject, tenant, roles, scopes, purpose, jti, field, ability, operation,
          dataset, decision, reason, rules, policy_revision)
        VALUES (${claims.sub}, ${claims.tenant}, ${[...claims.roles]}, ${scope && [...scope]},
          ${claims.purpose}, ${claims.jti}, ${field}, ${ability}, ${operation}, ${dataset},
          ${allowed ? 'allowed' : 'denied'}, ${reason}, ${[...rules]}, ${revision})`);
    },
    async spend({ jti, exp }) {
      const spent = await db.query(sql`
        INSERT INTO api_spent_tokens (jti, expires) VALUES (${jti}, to_timestamp(${exp}))
        ON CONFLICT (jti) DO NOTHING RETURNING 1`);
      return spent.length > 0;
    },
    async forget() {
      await db.query(
        sql`DELETE FROM api_audit WHERE at < now() - make_interval(days => ${retentionDays})`,
      );
      // A token is not taken after its time: a day more than that outlives every difference of clocks.
      await db.query(sql`DELETE FROM api_spent_tokens WHERE expires < now() - interval '1 day'`);
    },
  };
}

async function create(tx: Queryable): Promise<void> {
  await tx.query([
    sql`SELECT pg_advisory_xact_lock(hashtext('conductor.api_audit'))`,
    sql`SET LOCAL client_min_messages = warning`,
    sql`CREATE TABLE IF NOT EXISTS api_audit (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at TIMESTAMPTZ NOT NULL DEFAULT now(),
      subject TEXT NOT NULL,
      tenant TEXT NOT NULL,
      roles TEXT[] NOT NULL,
      scopes TEXT[],
      purpose TEXT NOT NULL,
      jti TEXT NOT NULL,
      field TEXT NOT NULL,
      ability TEXT NOT NULL,
      operation TEXT,
      dataset TEXT,
      decision TEXT NOT NULL CHECK (decision IN ('allowed', 'denied')),
      reason TEXT NOT NULL,
      rules TEXT[] NOT NULL,
      policy_revision TEXT NOT NULL
    )`,
    sql`CREATE INDEX IF NOT EXISTS api_audit_at ON api_audit (at)`,
    sql`CREATE TABLE IF NOT EXISTS api_spent_tokens (
      jti TEXT PRIMARY KEY,
      expires TIMESTAMPTZ NOT NULL
    )`,
  ]);
}
