import { type Queryable, sql, type SQLQuery } from '@databases/pg';
import type { Relation } from './catalog.ts';

/** Reads every table that is neither the system's nor an extension's, whoever may read its rows. */
export async function readRelations(db: Queryable): Promise<readonly Relation[]> {
  return (await db.query(sql`
    SELECT n.nspname::text AS schema, c.relname::text AS name,
           format('%I.%I', n.nspname, c.relname) AS ident, quote_ident(n.nspname) AS "schemaIdent",
           CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'r' THEN 'table'
                WHEN c.relkind = 'p' THEN 'partitioned' WHEN c.relkind = 'v' THEN 'view'
                WHEN c.relkind = 'm' THEN 'materialised view' ELSE 'foreign table' END AS kind,
           CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 'u' THEN 'unlogged'
                ELSE 'temporary' END AS persistence,
           ${identityOf(sql`c`)} AS identity,
           c.relrowsecurity AS "rowSecurity",
           c.relkind = 'r' AND EXISTS (
             SELECT FROM pg_inherits h WHERE h.inhparent = c.oid) AS "hasChildren",
           coalesce((${columns}), '[]') AS columns,
           coalesce((${uniqueIndexes}), '[]') AS "uniqueIndexes",
           coalesce((${foreignKeys}), '[]') AS "foreignKeys",
           coalesce((${partitions}), '[]') AS partitions
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND n.nspname <> 'information_schema'
      AND (n.nspname !~ '^pg_' OR c.relpersistence = 't')
      AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
           AND d.deptype = 'e')
    ORDER BY n.nspname, c.relname`)) as readonly Relation[];
}

function identityOf(table: SQLQuery): SQLQuery {
  return sql`CASE ${table}.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full'
    WHEN 'i' THEN 'index' ELSE 'default' END`;
}

/** A domain is of the family of its base, an array of that of its elements. */
const columns = sql`
  SELECT json_agg(json_build_object(
    'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'family', CASE
      WHEN base.typname IN ('uuid') THEN 'uuid'
      WHEN base.typname IN ('macaddr', 'macaddr8') THEN 'network'
      WHEN base.typname IN ('geometry', 'geography') THEN 'place'
      ELSE CASE coalesce(element.typcategory, t.typcategory)
        WHEN 'B' THEN 'flag' WHEN 'N' THEN 'number' WHEN 'D' THEN 'time' WHEN 'T' THEN 'time'
        WHEN 'E' THEN 'choice' WHEN 'R' THEN 'range' WHEN 'I' THEN 'network'
        WHEN 'G' THEN 'place' WHEN 'S' THEN 'text' WHEN 'Z' THEN 'text' ELSE 'other' END END,
    'notNull', a.attnotnull,
    'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual'
                 ELSE 'no' END) ORDER BY a.attnum)
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type element ON element.oid = t.typelem AND t.typcategory = 'A'
  JOIN pg_type base ON base.oid = coalesce(element.oid, nullif(t.typbasetype, 0), t.oid)
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

const uniqueIndexes = sql`
  SELECT json_agg(json_build_object(
    'ident', quote_ident(ic.relname), 'columns', over.columns, 'primary', i.indisprimary,
    'identity', i.indisreplident, 'notNull', over.not_null, 'immediate', i.indimmediate)
    ORDER BY ic.relname)
  FROM pg_index i
  JOIN pg_class ic ON ic.oid = i.indexrelid
  CROSS JOIN LATERAL (
    SELECT json_agg(a.attname ORDER BY k.at) AS columns, bool_and(a.attnotnull) AS not_null
    FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, at)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
    WHERE k.at <= i.indnkeyatts) AS over
  WHERE i.indrelid = c.oid AND (i.indisprimary OR
    i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)`;

const foreignKeys = sql`
  SELECT json_agg(json_build_object(
    'to', tn.nspname || '.' || t.relname,
    'columns', (
      SELECT json_agg(json_build_array(here.attname, there.attname) ORDER BY k.at)
      FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(here, there, at)
      JOIN pg_attribute here ON here.attrelid = f.conrelid AND here.attnum = k.here
      JOIN pg_attribute there ON there.attrelid = f.confrelid AND there.attnum = k.there))
    ORDER BY f.conname)
  FROM pg_constraint f
  JOIN pg_class t ON t.oid = f.confrelid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
  WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0`;

const partitions = sql`
  SELECT json_agg(json_build_object(
    'ident', format('%I.%I', pn.nspname, p.relname), 'schemaIdent', quote_ident(pn.nspname),
    'identity', ${identityOf(sql`p`)},
    'foreign', p.relkind = 'f') ORDER BY pn.nspname, p.relname)
  FROM pg_partition_tree(c.oid) tree
  JOIN pg_class p ON p.oid = tree.relid
  JOIN pg_namespace pn ON pn.oid = p.relnamespace
  WHERE c.relkind = 'p' AND NOT c.relispartition AND tree.isleaf AND p.relkind <> 'p'`;
