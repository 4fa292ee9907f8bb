import { type ConnectionPool, sql } from '@databases/pg';
import type { Relation } from '../../schemas/relation.ts';
import { ownPool, partFrom } from './own-pool.ts';

/** A table as it was when it was last captured. */
export interface KnownForm {
  readonly oid: number | null; // Null if it was refused before anything of it was captured.
  readonly columns: Relation['columns'];
  readonly isRefused: boolean; // Its changes are kept as dead letters.
  readonly accepted: boolean; // A person has said that what was refused may pass from now on.
}

/** Remembers the forms of a slot's tables past a restart, so that a table that was replaced is not taken for the old one. */
export interface Forms extends AsyncDisposable {
  known(table: string): Promise<KnownForm | null>;

  /**
   * Takes note of a table's form, to be kept once all up to `lsn` is confirmed. False if it was just taken note
   * of: stream and copies may open a table at once, and its history is told once.
   */
  opened(relation: Relation, lsn: bigint): boolean;

  /** Keeps a refusal where a person finds it. */
  refused(relation: Relation, message: string): Promise<void>;

  confirmed(lsn: bigint): Promise<void>;

  /** Forgets all: another server has other tables, whatever their names are. */
  forget(): Promise<void>;

  /** The tables that a person has accepted, and that were not captured since. */
  accepted(): Promise<readonly string[]>;

  /** As what each table was last seen in the publication; empty if it was seen to be missing there. */
  memberships(): Promise<ReadonlyMap<string, string>>;

  joined(table: string, membership: string): Promise<void>;
}

/** Whether a table is still the one that was known, and has the same columns. */
export const isOfForm = (
  { oid, columns }: Relation,
  known: Pick<KnownForm, 'oid' | 'columns'>,
): boolean =>
  known.oid === oid &&
  known.columns.length === columns.length &&
  columns.every(({ name, type, identity }, index) => {
    const was = known.columns[index];
    return was?.name === name && was.type === type && was.identity === identity;
  });

/** Keeps forms in `cdc_relations` of Conductor's own database. */
export async function formsAt(url: string, stream: string): Promise<Forms> {
  const db = ownPool(url, { name: 'conductor forms', size: 1 });
  await prepare(db);
  let pending: { readonly relation: Relation; readonly lsn: bigint }[] = [];
  const latest = new Map<string, Relation>(); // As each table was opened last, unless it was refused since.
  const refusedSince = new Set<string>(); // Tables whose latest form was refused, whatever is confirmed of those before.

  const keep = async ({ table, oid, columns }: Relation) => {
    await db.query(sql`
      INSERT INTO cdc_relations (stream, table_name, oid, columns)
      VALUES (${stream}, ${table}, ${oid}, ${JSON.stringify(columns)}::jsonb)
      ON CONFLICT (stream, table_name) DO UPDATE SET oid = excluded.oid, columns = excluded.columns,
        refused = CASE WHEN ${refusedSince.has(table)} THEN cdc_relations.refused END,
        accepted = ${refusedSince.has(table)} AND cdc_relations.accepted, updated_at = now()`);
  };

  return {
    async known(table) {
      const due = pending.findLast(({ relation }) => relation.table === table)?.relation;
      if (due) return { oid: due.oid, columns: due.columns, isRefused: false, accepted: false };
      return knownOf(db, stream, table);
    },
    opened(relation, lsn) {
      const { table } = relation;
      const last = latest.get(table);
      if (last && isOfForm(relation, last)) return false;
      latest.set(table, relation);
      refusedSince.delete(table);
      pending.push({ relation, lsn });
      return true;
    },
    async refused({ table }, message) {
      latest.delete(table);
      refusedSince.add(table);
      await db.query(sql`
        INSERT INTO cdc_relations (stream, table_name, refused) VALUES (${stream}, ${table}, ${message})
        ON CONFLICT (stream, table_name) DO UPDATE SET refused = excluded.refused, updated_at = now()`);
    },
    async confirmed(lsn) {
      const due = pending.filter((each) => each.lsn <= lsn);
      if (due.length === 0) return;
      for (const { relation } of due) await keep(relation);
      pending = pending.filter((each) => !due.includes(each));
    },
    async forget() {
      await db.query(sql`DELETE FROM cdc_relations WHERE stream = ${stream}`);
    },
    accepted: () => acceptedOf(db, stream),
    memberships: () => membershipsOf(db, stream),
    async joined(table, membership) {
      await db.query(sql`
        INSERT INTO cdc_relations (stream, table_name, membership) VALUES (${stream}, ${table}, ${membership})
        ON CONFLICT (stream, table_name) DO UPDATE SET membership = excluded.membership`);
    },
    [Symbol.asyncDispose]: () => partFrom(db),
  };
}

async function prepare(db: ConnectionPool): Promise<void> {
  await db.tx(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.cdc_relations'))`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS cdc_relations (
        stream TEXT NOT NULL,
        table_name TEXT NOT NULL,
        oid BIGINT,
        columns JSONB,
        refused TEXT,
        accepted BOOLEAN NOT NULL DEFAULT false,
        updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        PRIMARY KEY (stream, table_name)
      )`);
    await tx.query(sql`ALTER TABLE cdc_relations ADD COLUMN IF NOT EXISTS membership TEXT`);
  });
}

async function acceptedOf(db: ConnectionPool, stream: string): Promise<readonly string[]> {
  const rows = (await db.query(sql`
    SELECT table_name FROM cdc_relations WHERE stream = ${stream} AND accepted`)) as readonly {
    table_name: string;
  }[];
  return rows.map(({ table_name: table }) => table);
}

async function membershipsOf(
  db: ConnectionPool,
  stream: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = (await db.query(sql`
    SELECT table_name AS table, membership FROM cdc_relations
    WHERE stream = ${stream} AND membership IS NOT NULL`)) as readonly {
    readonly table: string;
    readonly membership: string;
  }[];
  return new Map(rows.map(({ table, membership }) => [table, membership]));
}

async function knownOf(
  db: ConnectionPool,
  stream: string,
  table: string,
): Promise<KnownForm | null> {
  const [row] = (await db.query(sql`
    SELECT oid, columns, refused IS NOT NULL AS refused, accepted FROM cdc_relations
    WHERE stream = ${stream} AND table_name = ${table}`)) as readonly {
    oid: string | null;
    columns: Relation['columns'] | null;
    refused: boolean;
    accepted: boolean;
  }[];
  if (!row) return null;
  const { oid, columns, refused: isRefused, accepted } = row;
  if (columns === null && !isRefused) return null; // It was seen to be published, and no more.
  return {
    oid: oid === null ? null : Number(oid),
    columns: columns ?? [],
    isRefused,
    accepted,
  };
}

/** The tables of a stream that were captured, by OID. */
export async function capturedTables(url: string, stream: string): Promise<ReadonlySet<number>> {
  const db = ownPool(url, { name: 'conductor forms', size: 1 });
  try {
    const [kept] = await db.query(sql`SELECT 1 WHERE to_regclass('cdc_relations') IS NOT NULL`);
    if (!kept) return new Set();
    const rows = (await db.query(sql`
      SELECT oid::float8 AS oid FROM cdc_relations
      WHERE stream = ${stream} AND oid IS NOT NULL`)) as readonly { readonly oid: number }[];
    return new Set(rows.map(({ oid }) => oid));
  } finally {
    await partFrom(db);
  }
}

/** Says of a table whose changes are refused that its new form may pass; false if nothing of it is refused. */
export async function acceptForm(url: string, stream: string, table: string): Promise<boolean> {
  const db = ownPool(url, { name: 'conductor forms', size: 1 });
  try {
    const rows = await db.query(sql`
      UPDATE cdc_relations SET accepted = true, updated_at = now()
      WHERE stream = ${stream} AND table_name = ${table} AND refused IS NOT NULL RETURNING 1`);
    return rows.length > 0;
  } finally {
    await partFrom(db);
  }
}

/** The tables of a stream whose changes are refused, and why. */
export async function refusedForms(
  url: string,
  stream: string,
): Promise<readonly { readonly table: string; readonly refused: string }[]> {
  const db = ownPool(url, { name: 'conductor forms', size: 1 });
  try {
    return (await db.query(sql`
      SELECT table_name AS table, refused FROM cdc_relations
      WHERE stream = ${stream} AND refused IS NOT NULL ORDER BY 1`)) as readonly {
      table: string;
      refused: string;
    }[];
  } finally {
    await partFrom(db);
  }
}
