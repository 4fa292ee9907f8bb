import { type Queryable, sql } from '@databases/pg';

/** Where rows of a table are: in itself, or in a leaf of its partitions. */
export interface RowPlace {
  readonly table: string; // Whose contract is meant.
  readonly ident: string; // Of the place, as SQL names it.
  readonly isPart: boolean;
  readonly identity: 'd' | 'n' | 'f' | 'i';
  readonly hasKey: boolean; // A primary key, immediate or not.
  /** The columns that its old rows tell; null if it has no replica identity, as the server counts. */
  readonly told: readonly string[] | null;
  readonly claimed: readonly string[] | null; // What the stream says of them: by the table's own identity.
  readonly stored: readonly string[]; // Generated columns, by kind.
  readonly virtual: readonly string[];
  readonly hasChanged: boolean; // Rows of it were updated or deleted, as far as the statistics go.
}

/** Finds where rows of these tables are, and what an update or a delete there would tell. */
export async function rowPlaces(
  db: Queryable,
  tables: readonly string[],
): Promise<readonly RowPlace[]> {
  const told = (place: 'l' | 'c') => {
    const { oid, identity } = {
      l: { oid: sql`l.oid`, identity: sql`l.relreplident` },
      c: { oid: sql`c.oid`, identity: sql`c.relreplident` },
    }[place];
    return sql`
      CASE ${identity}
        WHEN 'f' THEN (SELECT json_agg(attname) FROM pg_attribute
                       WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped)
        ELSE (SELECT json_agg(a.attname)
              FROM pg_index i
              JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, at) ON k.at <= i.indnkeyatts
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE i.indrelid = ${oid} AND i.indisvalid AND CASE ${identity}
                WHEN 'd' THEN i.indisprimary AND i.indimmediate
                WHEN 'i' THEN i.indisreplident ELSE false END) END`;
  };
  const generated = (kind: 's' | 'v') => sql`
    (SELECT coalesce(json_agg(attname), '[]') FROM pg_attribute
     WHERE attrelid = l.oid AND attgenerated = ${kind} AND NOT attisdropped)`;
  return (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table,
           format('%I.%I', ln.nspname, l.relname) AS ident,
           l.oid <> c.oid AS "isPart", l.relreplident AS identity,
           EXISTS (SELECT FROM pg_index WHERE indrelid = l.oid AND indisprimary) AS "hasKey",
           ${told('l')} AS told, ${told('c')} AS claimed,
           ${generated('s')} AS stored, ${generated('v')} AS virtual,
           coalesce(pg_stat_get_tuples_updated(l.oid) + pg_stat_get_tuples_deleted(l.oid), 0) > 0
             AS "hasChanged"
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN LATERAL (SELECT c.oid AS relid WHERE c.relkind = 'r'
                  UNION ALL SELECT relid::oid FROM pg_partition_tree(c.oid)
                  WHERE c.relkind = 'p' AND isleaf) AS place ON true
    JOIN pg_class l ON l.oid = place.relid AND l.relkind = 'r'
    JOIN pg_namespace ln ON ln.oid = l.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (${[...tables]})
    ORDER BY 1, 2`)) as readonly RowPlace[];
}

/** What a publication sends of updates and deletes, and of which tables it sends less than all. */
export interface Sending {
  readonly there: boolean;
  readonly changes: boolean; // Updates and deletes.
  readonly generated: boolean; // Stored generated columns too.
  readonly parts: readonly SentPart[];
}

interface SentPart {
  readonly table: string;
  readonly list: readonly string[] | null; // The columns that are sent; null for all.
  readonly filtered: readonly string[]; // The columns that its row filter reads.
}

/** Looks at a publication as the server does that is about to update or delete a row. */
export async function sendingOf(db: Queryable, publication: string): Promise<Sending> {
  const [found] = (await db.query(sql`
    SELECT pubupdate AND pubdelete AS changes, to_jsonb(p) ->> 'pubgencols' = 's' AS generated
    FROM pg_publication p WHERE pubname = ${publication}`)) as readonly {
    readonly changes: boolean;
    readonly generated: boolean | null;
  }[];
  if (!found) return { there: false, changes: true, generated: false, parts: [] };
  // Before 15 there are no lists and no filters, and no columns that say so.
  const parts = (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table,
           (SELECT json_agg(attname) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND to_jsonb(a.attnum) <@ (to_jsonb(r) -> 'prattrs')) AS list,
           (SELECT coalesce(json_agg(DISTINCT attname), '[]')
            FROM regexp_matches(to_jsonb(r) ->> 'prqual', ':varattno ([0-9]+)', 'g') AS read(number)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = read.number[1]::int) AS filtered
    FROM pg_publication p
    JOIN pg_publication_rel r ON r.prpubid = p.oid
    JOIN pg_class c ON c.oid = r.prrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.pubname = ${publication}`)) as readonly SentPart[];
  return { there: true, changes: found.changes, generated: found.generated === true, parts };
}
