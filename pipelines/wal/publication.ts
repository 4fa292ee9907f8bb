import { type Queryable, sql } from '@databases/pg';
import type { Trouble } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { TableFault } from './tables.ts';

/** What is to be published, and what is. */
export interface Publishing {
  readonly publication: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
}

export interface Published {
  readonly there: boolean;
  readonly missing: readonly string[]; // Contracted and not published, though it is there.
  readonly gone: readonly string[]; // Contracted, and no table of the database that could be published.
  readonly orphans: readonly PublishedTable[]; // Published and not contracted.
  readonly split: readonly string[]; // Contracted, and published partition by partition.
  readonly gathered: readonly string[]; // Partitioned, and published under one name.
  readonly omitted: readonly string[]; // Kinds of changes that it does not tell of,
  readonly changing: readonly string[]; // and the contracted tables that these may happen to.
  /** By contracted table, what stays the same for as long as that very table is published without a break. */
  readonly memberships: ReadonlyMap<string, Membership>;
}

export interface Membership {
  readonly id: string;
  readonly oid: number; // Of the table.
  readonly filtered: boolean; // Others may bring the rest of its rows.
}

interface PublishedTable {
  readonly name: string;
  readonly oid: number;
  readonly root: string | null; // Of a partition.
  readonly gathers: boolean; // Changes of its partitions come under its name.
  readonly alone: boolean; // The publication names it, and could do without it.
  readonly member: string;
  readonly filtered: boolean;
}

/** Holds the publication against the contracts. */
export async function lookAtPublication(
  db: Queryable,
  { publication, contracts }: Publishing,
): Promise<Published> {
  const published = (await db.query(sql`
    SELECT t.schemaname || '.' || t.tablename AS name, c.oid::int8::float8 AS oid, rn.nspname || '.' || r.relname AS root,
           c.relkind = 'p' AS gathers,
           EXISTS (SELECT FROM pg_publication_rel own JOIN pg_publication p ON p.oid = own.prpubid
                   WHERE own.prrelid = c.oid AND p.pubname = t.pubname) AS alone,
           -- Whoever is taken out and put back is a new entry.
           coalesce((SELECT string_agg(own.oid::text, ',' ORDER BY own.oid)
                     FROM pg_publication_rel own JOIN pg_publication p ON p.oid = own.prpubid
                     WHERE p.pubname = t.pubname AND (own.prrelid = c.oid OR
                           own.prrelid IN (SELECT relid FROM pg_partition_ancestors(c.oid)))),
                    (SELECT oid::text FROM pg_publication p WHERE p.pubname = t.pubname)) AS member,
           to_jsonb(t) ->> 'rowfilter' IS NOT NULL AS filtered
    FROM pg_publication_tables t
    JOIN pg_namespace n ON n.nspname = t.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
    LEFT JOIN pg_class r ON r.oid = pg_partition_root(c.oid) AND r.oid <> c.oid
    LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
    WHERE t.pubname = ${publication}`)) as readonly PublishedTable[];
  const [made] = (await db.query(sql`
    SELECT array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'inserts' END, CASE WHEN NOT pubupdate THEN 'updates' END,
      CASE WHEN NOT pubdelete THEN 'deletes' END, CASE WHEN NOT pubtruncate THEN 'truncates' END], NULL) AS omitted
    FROM pg_publication WHERE pubname = ${publication}`)) as readonly {
    readonly omitted: readonly string[];
  }[];
  const tables = (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (${[...contracts.keys()]})
      AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'`)) as readonly {
    readonly name: string;
  }[];
  const there = [...contracts.keys()].filter((table) => tables.some(({ name }) => name === table));
  const split = new Set(
    published.flatMap(({ root }) => (root !== null && contracts.has(root) ? [root] : [])),
  );
  const names = published.map(({ name }) => name);
  return {
    there: made !== undefined,
    missing: there.filter((table) => !names.includes(table) && !split.has(table)),
    gone: [...contracts.keys()].filter((table) => !there.includes(table)),
    orphans: published.filter(({ name, root }) => !contracts.has(name) && !split.has(root ?? '')),
    split: [...split],
    gathered: published.flatMap(({ name, gathers }) => (gathers ? [name] : [])),
    omitted: made?.omitted ?? [],
    changing: there.filter((table) => contracts.get(table)?.insertOnly !== true),
    memberships: new Map(
      published.flatMap(({ name, oid, member, filtered }) =>
        contracts.has(name) ? [[name, { id: `${oid}/${member}`, oid, filtered }]] : [],
      ),
    ),
  };
}

/** Why what is published is not what was promised: too much, too little, or under other names. */
export function publicationFaults(
  {
    orphans,
    split,
    omitted,
    changing,
  }: Pick<Published, 'orphans' | 'split' | 'omitted' | 'changing'>,
  publication: string,
): readonly Trouble[] {
  const where = `publication ${publication}`;
  const faults: Trouble[] = [];
  if (split.length > 0)
    faults.push({
      what: `changes of ${split.join(', ')} come under the names of their partitions`,
      where,
      fix: `as its owner: ALTER PUBLICATION ${publication} SET (publish_via_partition_root = true); or, to capture them one by one, write a contract for each partition in place of the one of ${split[0]}`,
    });
  if (orphans.length > 0)
    faults.push({
      what: `published without a contract: ${orphans.map(({ name }) => name).join(', ')}`,
      where,
      fix: `write a contract for each, ${leaveOut(orphans, publication)}`,
    });
  const isInsertOnly = changing.length === 0 && !omitted.includes('inserts');
  if (omitted.length > 0 && !isInsertOnly)
    faults.push({
      what: `it leaves out ${omitted.join(' and ')}: the sinks would not follow them, and nobody would be told`,
      where,
      fix: `as its owner: ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate')${omitted.includes('inserts') ? '' : `; or, if nothing but inserts ever happens to ${changing.join(', ')}, say so in the contract of each: { property: insertOnly, value: true }`}`,
    });
  return faults;
}

/** Parts those that were captured under another name, and concern nobody but themselves, from the rest. */
export function withoutRenamed(
  found: Published,
  publication: string,
  captured: ReadonlySet<number>,
): { readonly found: Published; readonly renamed: readonly TableFault[] } {
  const { true: moved = [], false: orphans = [] } = Object.groupBy(found.orphans, ({ oid }) =>
    captured.has(oid) ? 'true' : 'false',
  );
  const renamed = moved.map((table) => ({
    table: table.name,
    what: 'it was captured under another name, and has no contract under this one',
    where: `publication ${publication}`,
    fix: `write a contract for it, ${leaveOut([table], publication)}`,
  }));
  return { found: { ...found, orphans }, renamed };
}

/** What a publication does not name cannot be dropped from it. */
function leaveOut(orphans: readonly PublishedTable[], publication: string): string {
  const bound = orphans.find(({ alone }) => !alone);
  if (!bound) return `or ALTER PUBLICATION ${publication} DROP TABLE ${orphans[0]?.name}`;
  const whole = bound.root ?? 'all tables, or all of its schema';
  return `or publish by name what is to be captured: ${bound.name} is published because ${whole} ${bound.root ? 'is' : 'are'}`;
}
