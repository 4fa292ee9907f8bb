import { type ConnectionPool, type Queryable, sql, type SQLQuery } from '@databases/pg';

/** Whether policy's plans hold for a tenant; see ADR 18. */
export type RolloutState = 'off' | 'shadow' | 'on';

export interface TenantState {
  readonly tenant: string;
  readonly state: RolloutState;
  readonly changedBy: string | null; // Null where nobody has changed it yet.
  readonly changedAt: Date | null;
}

export interface Move {
  readonly tenants: readonly string[];
  readonly state: RolloutState;
  readonly by: string;
  readonly why: string;
}

/** How far each tenant is. Every step can be taken back, and each is remembered. */
export interface Rollout {
  of(tenant: string): Promise<TenantState>;
  /** All who were ever moved, as they are now. */
  readonly all: () => Promise<readonly TenantState[]>;
  /** Moves all of them or none; who is there already stays, and nothing is written of it. */
  move(move: Move): Promise<void>;
}

/** Keeps the rollout in `privacy_rollout` of Conductor's own database: rows are only added, the last of a tenant counts. */
export async function rolloutIn(db: ConnectionPool): Promise<Rollout> {
  await db.tx(create);
  return {
    async of(tenant) {
      const [row] = await rows(db, sql`WHERE tenant = ${tenant}`);
      return row ?? { tenant, state: 'off', changedBy: null, changedAt: null };
    },
    all: () => rows(db, sql``),
    async move({ tenants, state, by, why }) {
      await db.tx((tx) =>
        tx.query([
          lock, // Of two who move a tenant at once, one comes after the other.
          sql`
            INSERT INTO privacy_rollout (tenant, state, by, why)
            SELECT moved.tenant, ${state}, ${by}, ${why} FROM unnest(${[...tenants]}::text[]) AS moved (tenant)
            LEFT JOIN (${latest(sql``)}) AS now ON now.tenant = moved.tenant
            WHERE coalesce(now.state, 'off') <> ${state}`,
        ]),
      );
    },
  };
}

const lock = sql`SELECT pg_advisory_xact_lock(hashtext('conductor.privacy_rollout'))`;

interface Row {
  readonly tenant: string;
  readonly state: RolloutState;
  readonly by: string;
  readonly at: Date;
}

const latest = (where: SQLQuery): SQLQuery => sql`
  SELECT DISTINCT ON (tenant) tenant, state, by, at FROM privacy_rollout ${where}
  ORDER BY tenant, id DESC`;

async function rows(db: Queryable, where: SQLQuery): Promise<readonly TenantState[]> {
  const found = (await db.query(latest(where))) as readonly Row[];
  return found.map(({ tenant, state, by, at }) => ({
    tenant,
    state,
    changedBy: by,
    changedAt: at,
  }));
}

async function create(tx: Queryable): Promise<void> {
  await tx.query([
    lock,
    sql`SET LOCAL client_min_messages = warning`,
    sql`CREATE TABLE IF NOT EXISTS privacy_rollout (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('off', 'shadow', 'on')),
      by TEXT NOT NULL,
      why TEXT NOT NULL,
      at TIMESTAMPTZ NOT NULL DEFAULT now()
    )`,
    sql`CREATE INDEX IF NOT EXISTS privacy_rollout_tenant ON privacy_rollout (tenant, id DESC)`,
  ]);
}
