import { type ConnectionPool, type Queryable, sql } from '@databases/pg';

/** Whether policy's plans hold for a tenant; see ADR 18. */
export type RolloutState = 'off' | 'shadow' | 'on';

export interface TenantState {
  readonly tenant: string;
  readonly state: RolloutState;
  readonly changedBy: string | null; // Null where nobody has changed it yet.
  readonly changedAt: Date | null;
}

export interface Move {
  readonly tenant: string;
  readonly state: RolloutState;
  readonly by: string;
  readonly why: string;
}

/** How far each tenant is. Every step can be taken back, and each is remembered. */
export interface Rollout {
  of(tenant: string): Promise<TenantState>;
  /** All who were ever moved, as they are now. */
  readonly all: () => Promise<readonly TenantState[]>;
  /** Moves several at once or none of them; says how many were not there already. */
  move(moves: readonly Move[]): Promise<number>;
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
    move: (moves) =>
      db.tx(async (tx) => {
        await tx.query(lock); // Of two who move a tenant at once, one comes after the other.
        const now = new Map((await rows(tx, sql``)).map(({ tenant, state }) => [tenant, state]));
        const due = moves.filter(({ tenant, state }) => (now.get(tenant) ?? 'off') !== state);
        for (const { tenant, state, by, why } of due)
          await tx.query(sql`
            INSERT INTO privacy_rollout (tenant, state, by, why) VALUES (${tenant}, ${state}, ${by}, ${why})`);
        return due.length;
      }),
  };
}

const lock = sql`SELECT pg_advisory_xact_lock(hashtext('conductor.privacy_rollout'))`;

interface Row {
  readonly tenant: string;
  readonly state: RolloutState;
  readonly by: string;
  readonly at: Date;
}

async function rows(db: Queryable, where: ReturnType<typeof sql>): Promise<readonly TenantState[]> {
  const found = (await db.query(sql`
    SELECT DISTINCT ON (tenant) tenant, state, by, at FROM privacy_rollout ${where}
    ORDER BY tenant, id DESC`)) as readonly Row[];
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
