import type { ClientBase } from 'pg';
import { binaryUnionWriter } from '../../processors/transcode/binary.ts';
import { kindOf } from '../../schemas/avro.ts';
import { typeText } from '../../schemas/pg-type.ts';
import type { Relation } from '../../schemas/relation.ts';

/** A table as its rows are to be copied: in the form that the WAL would have them in. */
export interface Described {
  readonly relation: Relation;
  readonly from: string; // SQL for all its rows: those of its partitions with it, those of tables that inherit from it not.
  readonly select: string; // The columns, each in the form that it is read in.
  readonly asText: readonly boolean[]; // By column: its text, or its binary form.
  readonly printed: ReadonlyMap<string, string>; // By column: SQL for its text as the WAL has it.
  readonly filter: string | null; // What the publication leaves out, so does the copy.
  readonly encoding: string; // Of the database.
  readonly shape: string; // Another one, and the form is to be looked at again.
}

/** A table that has rows of its own. */
export interface Part {
  readonly part: string; // Schema and name, quoted.
  readonly oid: number;
  readonly filenode: number;
  readonly blocks: number;
  readonly through: Through | null; // What is read in its place; null if it is read itself.
}

/** A partition read by way of its root, for a role that may read the root alone: privileges on a partition are its own. */
interface Through {
  readonly root: string; // Schema and name, quoted.
  readonly condition: string; // SQL that is true of the partition's rows alone, and tells the planner where they are.
}

interface ColumnRow {
  readonly name: string;
  readonly quoted: string;
  readonly printed: string; // SQL for its text as the WAL has it.
  readonly oid: number;
  readonly typmod: number;
  readonly base: number; // Of a domain, the type that it is made of.
  readonly schema: string;
  readonly type: string;
  readonly identity: boolean;
}

/** Reads what the publication says of a table; null if it does not publish it. */
export async function describeTable(
  client: ClientBase,
  table: string,
  publication: string,
): Promise<Described | null> {
  const { rows } = await client.query<{
    oid: number;
    schema: string;
    name: string;
    identity: string;
    from: string;
    columns: readonly string[] | null;
    filter: string | null;
    encoding: string;
  }>(
    `SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, c.relname AS name, c.relreplident AS identity,
            format(CASE c.relkind WHEN 'p' THEN '%I.%I' ELSE 'ONLY %I.%I' END, n.nspname, c.relname) AS "from",
            to_jsonb(p) -> 'attnames' AS columns, to_jsonb(p) ->> 'rowfilter' AS filter,
            current_setting('server_encoding') AS encoding
     FROM pg_publication_tables p
     JOIN pg_namespace n ON n.nspname = p.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
     WHERE p.pubname = $1 AND p.schemaname || '.' || p.tablename = $2`,
    [publication, table],
  );
  const [found] = rows;
  if (!found) return null;
  const columns = await columnsOf(client, found.oid, found.columns);
  const shape = await shapeOf(client, found.oid);
  const named = new Map(columns.map(({ oid, schema, type }) => [oid, { schema, name: type }]));
  const described = columns.map(({ name, quoted, printed, oid, typmod, identity }) => {
    const type = typeText(oid, typmod, named);
    const asText =
      found.encoding === 'SQL_ASCII' || // So that all of it can be looked at: any bytes are text there.
      binaryUnionWriter({ name, type, kind: kindOf(type) }, type) === null;
    return { column: { name, oid, type, identity }, selected: asText ? printed : quoted, asText };
  });
  return {
    relation: {
      oid: found.oid,
      schema: found.schema,
      name: found.name,
      table,
      identity: identities[found.identity] ?? 'default',
      columns: described.map(({ column }) => column),
    },
    from: found.from,
    select: described.map(({ selected }) => selected).join(', '),
    asText: described.map(({ asText }) => asText),
    printed: new Map(columns.map(({ name, printed }) => [name, printed])),
    filter: found.filter,
    encoding: found.encoding,
    shape,
  };
}

/** The text of a table's columns, to be held against that of another moment. */
export async function shapeOf(client: ClientBase, oid: number): Promise<string> {
  const { rows } = await client.query<{ shape: string }>(
    `SELECT coalesce(string_agg(format('%s %s %s', attname, atttypid, atttypmod), ',' ORDER BY attnum), '') AS shape
     FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`,
    [oid],
  );
  return rows[0]?.shape ?? '';
}

const identities: Readonly<Record<string, Relation['identity']>> = {
  d: 'default',
  n: 'nothing',
  f: 'full',
  i: 'index',
};

async function columnsOf(
  client: ClientBase,
  oid: number,
  published: readonly string[] | null,
): Promise<readonly ColumnRow[]> {
  const { rows } = await client.query<ColumnRow>(
    // A cast to text may print otherwise than the type itself does: of boolean, character, inet.
    `WITH RECURSIVE bases (oid, base) AS (
       SELECT atttypid, atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
       UNION
       SELECT b.oid, t.typbasetype FROM bases b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
     )
     SELECT a.attname AS name, quote_ident(a.attname) AS quoted, a.atttypid::int8::float8 AS oid, a.atttypmod AS typmod,
            t.typname AS type, n.nspname AS schema,
            CASE WHEN EXISTS (SELECT FROM pg_cast WHERE castsource = t.oid AND casttarget = 'text'::regtype AND castfunc <> 0)
                 THEN format('textin(%s(%I))', t.typoutput::regproc, a.attname) ELSE format('%I::text', a.attname) END AS printed,
            (c.relreplident = 'f' OR coalesce(a.attnum = ANY (i.indkey), false)) AS identity
     FROM pg_attribute a
     JOIN pg_class c ON c.oid = a.attrelid
     JOIN bases b ON b.oid = a.atttypid
     JOIN pg_type t ON t.oid = b.base AND t.typtype <> 'd'
     JOIN pg_namespace n ON n.oid = t.typnamespace
     LEFT JOIN pg_index i ON i.indrelid = c.oid AND
       CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attgenerated = '' OR current_setting('server_version_num')::int >= 180000)
     ORDER BY a.attnum`,
    [oid],
  );
  const wanted = published && new Set(published);
  return wanted ? rows.filter(({ name }) => wanted.has(name)) : rows;
}

/** The parts of a table that hold rows, each as long as it is now. */
export const partsOf = (client: ClientBase, oid: number): Promise<readonly Part[]> =>
  partsAmong(
    client,
    'SELECT relid FROM pg_partition_tree($1::oid::regclass) WHERE isleaf UNION SELECT $1::oid::regclass',
    [oid],
  );

/**
 * One of them, if it is one still. No other is looked at, for that would wait for whoever holds it locked: and who
 * has a part locked must wait for nobody, lest the owner who moves partitions about wait for him.
 */
export async function partOf(client: ClientBase, oid: number, part: number): Promise<Part | null> {
  const [found] = await partsAmong(
    client,
    `SELECT $2::oid::regclass AS relid WHERE $1::oid = $2::oid OR $1::oid::regclass IN (
       SELECT relid FROM pg_partition_ancestors($2::oid::regclass))`,
    [oid, part],
  );
  return found ?? null;
}

async function partsAmong(
  client: ClientBase,
  leaves: string,
  values: readonly number[],
): Promise<readonly Part[]> {
  const { rows } = await client.query<Part>(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS part, c.oid::int8::float8 AS oid,
            pg_relation_filenode(c.oid)::int8::float8 AS filenode,
            (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS blocks,
            CASE WHEN c.oid <> root.oid AND NOT (${mayReadItself}) THEN json_build_object(
              'root', format('%I.%I', rn.nspname, root.relname),
              'condition', concat_ws(' AND ', format('tableoid = %s', c.oid), pg_get_partition_constraintdef(c.oid)))
            END AS through
     FROM (${leaves}) AS leaf
     JOIN pg_class c ON c.oid = leaf.relid AND c.relkind = 'r'
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_class root ON root.oid = $1
     JOIN pg_namespace rn ON rn.oid = root.relnamespace
     ORDER BY 1`,
    [...values],
  );
  return rows;
}

/** SQL: whether the role may read the table `c` in the schema `n` by its own name. */
export const mayReadItself = `has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
              AND NOT row_security_active(c.oid)`;

/** How SQL names the table that a part is read from. */
export const readFrom = ({ part, through }: Part): string => through?.root ?? `ONLY ${part}`;
