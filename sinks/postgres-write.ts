import { sqlName } from '../contracts/sql-name.ts';
import { sql } from '@databases/pg';
import type { SQLQuery, Transaction } from '@databases/pg';
import { settle, wholeRow } from './compact.ts';
import type { Removal, TableChanges, Upsert } from './compact.ts';
import type { Governed } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Row, Unchanged, Value } from '../schemas/value.ts';
import { idents, primaryOf } from './postgres-plan.ts';
import { typeOfColumn } from './postgres-tables.ts';
import type { MirrorTable } from './postgres-tables.ts';

/** A transaction, as far as statements need one. */
export interface Asking {
  query(query: SQLQuery): Promise<Awaited<ReturnType<Transaction['query']>>[number]>;
}

/** A row as it is to be written: every column that it has is known. */
interface Line {
  readonly row: Row;
  readonly upsert: Upsert;
}

/** Writes what a batch means for one table, under the locks of its lanes; what is too late does nothing. */
export async function writeTable(
  tx: Asking,
  table: MirrorTable,
  { truncated, upserts, removals }: TableChanges,
): Promise<void> {
  if (table.key.length === 0) refuseKeyless(table, upserts, removals);
  const floor = await floorOf(tx, table);
  const lines = await settled(tx, table, upserts, floor);

  await remove(tx, table, [...removals, ...upserts.flatMap(floorAsRemoval)]);
  await leaveTombstones(
    tx,
    removals.map((removal) => ({ ...removal, pk: pkOf(removal) })),
  );
  for (const [columns, group] of byColumns(table, lines)) {
    await upsert(tx, table, columns, group, floor);
  }
  if (truncated) {
    await leaveTombstones(tx, [{ ...truncated, pk: table.name }]);
    await tx.query(sql`DELETE FROM ${table.ident} WHERE _position < ${truncated.at}`);
  }
}

/** A `text[]` as the server reads it, a quarter of the cost of the driver's own. */
export function textArray(values: readonly (Value | Unchanged | undefined)[]): string {
  return `{${values.map(element).join(',')}}`;
}

/** The text of a value, as the server reads it. */
export const valueText = (value: Value | Unchanged | undefined): string =>
  Object.is(value, -0) ? '-0' : String(value);

const element = (value: Value | Unchanged | undefined): string => {
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return valueText(value);
  return `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`;
};

const pkOf = ({ keyText, change }: { readonly keyText: string; readonly change: Governed }) =>
  `${change.table}${keyText}`;

function refuseKeyless(
  { name }: MirrorTable,
  upserts: readonly Upsert[],
  removals: readonly Removal[],
): void {
  const other = [...upserts, ...removals].find(({ change }) => change.op !== 'insert');
  if (!other) return;
  throw new Refusal(
    'no-key',
    `table ${name}: without a primary key a mirror can only append, and this is a ${other.change.op}; give the table a primary key`,
  );
}

/** Older than this, nothing of the table counts: it was truncated since. */
async function floorOf(tx: Asking, { name }: MirrorTable): Promise<string> {
  const [floor] = await tx.query(sql`SELECT position FROM cdc_dedupe WHERE pk = ${name}`);
  return floor?.position ?? '';
}

/** Whole rows as they are; for others the mirror is asked what it knows. */
async function settled(
  tx: Asking,
  table: MirrorTable,
  upserts: readonly Upsert[],
  floor: string,
): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const partial: Upsert[] = [];
  for (const each of upserts) {
    const row = wholeRow(each);
    if (row) lines.push({ row, upsert: each });
    else partial.push(each);
  }
  if (partial.length === 0) return lines;

  const seen: readonly { row: string | null; gone: string | null }[] = await tx.query(sql`
    SELECT t._position AS row, greatest(d.position, ${floor}::text) AS gone
    FROM ${unnestKeys(table, partial, [partial.map(pkOf)], ['_pk'])}
      LEFT JOIN ${table.ident} t ON ${sameKey(table)}
      LEFT JOIN cdc_dedupe d ON d.pk = i._pk
    ORDER BY i._n`);
  for (const [n, each] of partial.entries()) {
    const result = settle(each, seen[n] ?? { row: null, gone: null });
    if (result) lines.push({ row: result.values, upsert: each });
  }
  return lines;
}

const floorAsRemoval = ({ floor, ...upsert }: Upsert): readonly Removal[] =>
  floor === null ? [] : [{ ...upsert, at: floor }];

async function remove(tx: Asking, table: MirrorTable, removals: readonly Removal[]): Promise<void> {
  if (removals.length === 0 || table.key.length === 0) return;
  await tx.query(sql`
    DELETE FROM ${table.ident} t
    USING ${unnestKeys(table, removals, [removals.map(({ at }) => at)], ['_at'])}
    WHERE ${sameKey(table)} AND t._position < i._at`);
}

async function leaveTombstones(
  tx: Asking,
  graves: readonly (Removal & { readonly pk: string })[],
): Promise<void> {
  if (graves.length === 0) return;
  await tx.query(sql`
    INSERT INTO cdc_dedupe AS d (pk, ts, position)
    SELECT i.pk, timestamptz 'epoch' + i.us * interval '1 microsecond', i.at
    FROM unnest(${textArray(graves.map(({ pk }) => pk))}::text[],
      ${textArray(graves.map(({ change }) => change.committedAt))}::bigint[],
      ${textArray(graves.map(({ at }) => at))}::text[]) AS i(pk, us, at)
    ON CONFLICT (pk) DO UPDATE SET ts = excluded.ts, position = excluded.position
      WHERE coalesce(d.position, '') < excluded.position`);
}

/** One group per set of columns, so that a column that is not spoken of is not touched. */
function byColumns(
  table: MirrorTable,
  lines: readonly Line[],
): Iterable<readonly [readonly string[], readonly Line[]]> {
  const groups = new Map<string, readonly [string[], Line[]]>();
  for (const line of lines) {
    let id = '';
    for (const column in line.row) id += `${column}\0`;
    const group = groups.get(id);
    if (group) {
      group[1].push(line);
      continue;
    }
    const columns = Object.keys(line.row);
    const stranger = columns.find((column) => !table.types.has(column));
    if (stranger !== undefined) {
      throw new Error(
        `table ${table.name}: column ${stranger} is not in the contract that this mirror was opened with; restart with the newer contract`,
      );
    }
    groups.set(id, [columns, [line]]);
  }
  return groups.values();
}

async function upsert(
  tx: Asking,
  table: MirrorTable,
  columns: readonly string[],
  lines: readonly Line[],
  floor: string,
): Promise<void> {
  const arrays = columns.map((column) => textArray(lines.map(({ row }) => row[column])));
  await tx.query(
    upsertInto(
      table,
      columns,
      sql`SELECT ${sql.join(
        columns.map((column) => sql`i.${sqlName(column)}::${typeOfColumn(table, column)}`),
        ', ',
      )}, i._position
    FROM unnest(${sql.join(
      [
        ...arrays,
        textArray(lines.map((line) => line.upsert.at)),
        textArray(lines.map((line) => pkOf(line.upsert))),
      ].map((array) => sql`${array}::text[]`),
      ', ',
    )}) AS i(${idents(columns)}, _position, "_pk ")
      LEFT JOIN cdc_dedupe d ON d.pk = i."_pk "
    WHERE i._position > greatest(d.position, ${floor}::text)`,
    ),
  );
}

/** Writes rows, of those columns and a position, where they are newer than what is there. */
export function upsertInto(
  table: MirrorTable,
  columns: readonly string[],
  rows: SQLQuery,
): SQLQuery {
  const key = primaryOf(table.key);
  const set = [...columns, '_position']
    .filter((column) => !key.includes(column))
    .map((column) => sql`${sqlName(column)} = excluded.${sqlName(column)}`);
  const onConflict =
    table.key.length > 0
      ? sql`DO UPDATE SET ${sql.join(set, ', ')} WHERE t._position < excluded._position`
      : sql`DO NOTHING`;
  return sql`
    INSERT INTO ${table.ident} AS t (${idents(columns)}, _position) ${rows}
    ON CONFLICT (${idents(key)}) ${onConflict}`;
}

/** Keys, and further texts beside them, as rows `i` with their ordinal `_n`. */
export function unnestKeys(
  table: MirrorTable,
  of: readonly { readonly change: Governed }[],
  more: readonly (readonly string[])[],
  names: readonly string[],
): SQLQuery {
  const keys = table.key.map((column) => textArray(of.map(({ change }) => change.key?.[column])));
  const arrays = [...keys, ...more.map(textArray)].map((array) => sql`${array}::text[]`);
  return sql`unnest(${sql.join(arrays, ', ')}) WITH ORDINALITY
    AS i(${idents([...table.key.map(keyAlias), ...names, '_n'])})`;
}

/** Whether row `t` of a table has the key of `i`. */
export const sameKey = (table: MirrorTable): SQLQuery =>
  table.key.length === 0
    ? sql`false`
    : sql.join(
        table.key.map(
          (column) =>
            sql`t.${sqlName(column)} = i.${sqlName(keyAlias(column))}::${typeOfColumn(table, column)}`,
        ),
        ' AND ',
      );

const keyAlias = (column: string): string => `key ${column}`;
