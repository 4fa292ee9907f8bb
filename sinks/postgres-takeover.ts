import { type Queryable, sql, type SQLQuery, type Transaction } from '@databases/pg';
import { sqlName } from '../contracts/sql-name.ts';
import { splitName } from './postgres-plan.ts';
import { nameOf } from './postgres-tables.ts';

/** What hangs on a table of the mirror itself, and not on its name: a table that took its place would be without it. */
export async function dependents(db: Queryable, table: string): Promise<readonly string[]> {
  const [schema, name] = splitName(table);
  const rows = (await db.query(sql`
    WITH t AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${schema} AND c.relname = ${name})
    SELECT DISTINCT 'view ' || r.ev_class::regclass AS what FROM t, pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid = t.oid AND r.ev_class <> t.oid
    UNION SELECT 'foreign key ' || k.conname FROM t, pg_constraint k
      WHERE k.contype = 'f' AND t.oid IN (k.conrelid, k.confrelid)
    UNION SELECT 'trigger ' || g.tgname FROM t, pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION SELECT 'rule ' || r.rulename FROM t, pg_rewrite r WHERE r.ev_class = t.oid
    UNION SELECT 'policy ' || p.polname FROM t, pg_policy p WHERE p.polrelid = t.oid
    UNION SELECT 'publication ' || p.pubname FROM t, pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
      WHERE r.prrelid = t.oid
    UNION SELECT 'inheritance of ' || i.inhrelid::regclass FROM t, pg_inherits i
      WHERE t.oid IN (i.inhrelid, i.inhparent)
    UNION SELECT 'grants on column ' || a.attname FROM t, pg_attribute a
      WHERE a.attrelid = t.oid AND a.attacl IS NOT NULL
    ORDER BY what`)) as readonly { readonly what: string }[];
  return rows.map(({ what }) => what);
}

/** Gives a table the place of another: its name, its owner and what was granted on it. The other is no more. */
export async function takeOver(
  tx: Transaction,
  { live, own }: { readonly live: string; readonly own: string },
): Promise<void> {
  const [schema, name] = splitName(live);
  const there = (await tx.query(sql`
    SELECT pg_get_userbyid(c.relowner) AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema} AND c.relname = ${name}`)) as readonly {
    readonly owner: string;
  }[];
  const [old] = there;
  if (old) {
    for (const grant of await grantsOf(tx, live))
      await tx.query(sql`GRANT ${grant.what} ON ${nameOf(own)} TO ${grant.to} ${grant.more}`);
    await tx.query(sql`DROP TABLE ${nameOf(live)}`);
  }
  await tx.query(sql`ALTER TABLE ${nameOf(own)} SET SCHEMA ${sqlName(schema)}`);
  if (old) await tx.query(sql`ALTER TABLE ${nameOf(live)} OWNER TO ${sqlName(old.owner)}`);
}

interface Grant {
  readonly what: SQLQuery;
  readonly to: SQLQuery;
  readonly more: SQLQuery;
}

async function grantsOf(tx: Transaction, table: string): Promise<readonly Grant[]> {
  const [schema, name] = splitName(table);
  const rows = (await tx.query(sql`
    SELECT a.privilege_type AS what, a.is_grantable AS more,
      CASE WHEN a.grantee = 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END AS grantee
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
    WHERE n.nspname = ${schema} AND c.relname = ${name} AND a.grantee <> c.relowner`)) as readonly {
    readonly what: string;
    readonly more: boolean;
    readonly grantee: string | null;
  }[];
  return rows.map(({ what, more, grantee }) => ({
    what: sql.__dangerous__rawValue(what), // A word of the server's own.
    to: grantee === null ? sql`PUBLIC` : sqlName(grantee),
    more: more ? sql`WITH GRANT OPTION` : sql``,
  }));
}
