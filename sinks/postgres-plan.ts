import { sql } from '@databases/pg';
import type { Queryable, SQLQuery } from '@databases/pg';
import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';
import { sqlName } from '../contracts/sql-name.ts';
import { widening } from './mirror-types.ts';

/** What is to be done to the mirror's tables before it takes what contracts promise. */
export interface MirrorPlan {
  readonly steps: readonly MirrorStep[]; // Whoever opens the mirror does so.
  readonly left: readonly MirrorRemark[]; // Nobody does so without being told to.
}

/** A statement by which nothing that is there is lost. */
export interface MirrorStep {
  readonly table: string;
  readonly statement: string;
  readonly note: string | null;
}

/** What is otherwise than the contract has it, and stays so. */
export interface MirrorRemark {
  readonly table: string;
  readonly what: string;
  readonly statement: string | null; // That would mend it.
  readonly stops: boolean; // The mirror cannot be opened before it is mended.
}

/** The types of columns as tables of the source have them now, by table. */
export type SourceTypes = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Looks at the mirror, and says what is to be done for these contracts. Changes nothing. */
export async function planTables(
  db: Queryable,
  contracts: readonly TableContract[],
  source: SourceTypes,
): Promise<MirrorPlan> {
  const steps: MirrorStep[] = [];
  const left: MirrorRemark[] = [];
  const schemas = new Set<string>(); // That are made by a step already.
  contracts.forEach(checkContract);
  const print = await printer(db, contracts, source);
  for (const contract of contracts) {
    const columns = wantedColumns(contract, source.get(contract.table), print);
    const found = await foundColumns(db, contract.table);
    if (found.size === 0) steps.push(...(await creation(db, contract, columns, schemas)));
    else {
      const change = alteration(contract, columns, found);
      const other = found.has('_position') ? await otherKey(db, contract) : null;
      steps.push(...change.steps);
      left.push(...change.left, ...(other ? [other] : []));
    }
  }
  return { steps, left };
}

/** Schema and name of a table. */
export function splitName(table: string): readonly [schema: string, name: string] {
  const dot = table.indexOf('.');
  return dot === -1 ? ['public', table] : [table.slice(0, dot), table.slice(dot + 1)];
}

/** What is unique in the mirror's table of a contract with that key: of one without, each row's position. */
export const primaryOf = (key: readonly string[]): readonly string[] =>
  key.length > 0 ? key : ['_position'];

/** Column names, quoted, in a row. */
export const idents = (columns: readonly string[]): SQLQuery =>
  sql.join(
    columns.map((column) => sqlName(column)),
    ', ',
  );

/** Refuses contracts whose tables a mirror cannot have. */
function checkContract(contract: TableContract): void {
  const { table, key } = contract;
  const names = new Set(governedColumns(contract).map(({ name }) => name));
  const keyless = key.filter((column) => !names.has(column));
  if (keyless.length > 0) {
    throw new Error(
      `table ${table}: its key column ${keyless.join(', ')} does not leave govern; give it a rule other than drop in its contract`,
    );
  }
  if (names.has('_position')) {
    throw new Error(
      `table ${table}: a column _position is the mirror's own; drop that column by its contract`,
    );
  }
}

interface Wanted {
  readonly name: string;
  readonly type: string; // As the mirror's own server prints it.
  readonly isText: boolean; // A policy or a rule has made it so, whatever it was.
}

/** The columns that leave govern; one that is kept is to hold what the source has by now, too. */
function wantedColumns(
  contract: TableContract,
  source: ReadonlyMap<string, string> | undefined,
  print: Printed,
): readonly Wanted[] {
  const rules = new Map(contract.columns.map(({ name, rule }) => [name, rule]));
  return governedColumns(contract).map(({ name, type }) => {
    const isText = rules.get(name) !== 'keep';
    const promised = print(type);
    const now = source?.get(name);
    const more = now === undefined || isText ? null : widening(promised, print(now));
    return { name, isText, type: more?.kind === 'widened' ? more.to : promised };
  });
}

interface Found {
  readonly type: string;
  readonly isString: boolean;
  readonly isKey: boolean;
}

async function foundColumns(db: Queryable, table: string): Promise<ReadonlyMap<string, Found>> {
  const [schema, name] = splitName(table);
  const found: readonly (Found & { readonly name: string })[] = await db.query(sql`
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
      t.typcategory = 'S' AS "isString", coalesce(a.attnum = ANY (i.indkey), false) AS "isKey"
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE n.nspname = ${schema} AND c.relname = ${name} AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum`);
  return new Map(found.map((column) => [column.name, column]));
}

async function creation(
  db: Queryable,
  { table, key }: TableContract,
  columns: readonly Wanted[],
  schemas: Set<string>,
): Promise<readonly MirrorStep[]> {
  const [schema, name] = splitName(table);
  const known = await db.query(sql`SELECT 1 FROM pg_namespace WHERE nspname = ${schema}`);
  const isNew = known.length === 0 && !schemas.has(schema);
  schemas.add(schema);
  const definitions = columns.map((column) => {
    const notNull = key.includes(column.name) ? sql` NOT NULL` : sql``;
    return sql`${sqlName(column.name)} ${raw(column.type)}${notNull}`;
  });
  const create = sql`CREATE TABLE ${sqlName(schema, name)} (${sql.join(definitions, ', ')}, _position text COLLATE "C" NOT NULL, PRIMARY KEY (${idents(primaryOf(key))}))`;
  return [
    ...(isNew ? [step(table, sql`CREATE SCHEMA ${sqlName(schema)}`)] : []),
    step(table, create),
  ];
}

function alteration(
  { table }: TableContract,
  columns: readonly Wanted[],
  found: ReadonlyMap<string, Found>,
): MirrorPlan {
  const name = sqlName(...splitName(table));
  if (!found.has('_position'))
    return {
      steps: [],
      left: [
        {
          ...remark(table, 'it is no table of the mirror: it lacks the column _position'),
          stops: true,
        },
      ],
    };
  const steps: MirrorStep[] = [];
  const left: MirrorRemark[] = [];
  const alter = (what: SQLQuery) => sql`ALTER TABLE ${name} ${what}`;
  for (const { name: column, type, isText } of columns) {
    const there = found.get(column);
    const to = (wanted: string) =>
      alter(
        sql`ALTER COLUMN ${sqlName(column)} TYPE ${raw(wanted)} USING ${sqlName(column)}::${raw(wanted)}`,
      );
    if (!there) {
      const note = `rows that are there have null in it until they change; conductor backfill --table ${table} fills it`;
      steps.push(step(table, alter(sql`ADD COLUMN ${sqlName(column)} ${raw(type)}`), note));
    } else if (isText) {
      if (!there.isString) steps.push(step(table, to('text'), wasOf(there)));
    } else {
      const change = widening(there.type, type);
      if (change.kind === 'widened') steps.push(step(table, to(change.to), wasOf(there)));
      if (change.kind === 'asked')
        left.push(
          remark(table, `column ${column} is ${there.type}, and to hold ${type}`, to(type)),
        );
    }
  }
  const wanted = new Set([...columns.map((column) => column.name), '_position']);
  for (const [column, { isKey }] of found)
    if (!wanted.has(column) && !isKey)
      left.push(
        remark(
          table,
          `column ${column} is not under contract: yours, or left from before; nothing is written to it`,
          alter(sql`DROP COLUMN ${sqlName(column)}`),
        ),
      );
  return { steps, left };
}

/** What is unique in a table is to be its contract's key: rows are found by it. */
async function otherKey(
  db: Queryable,
  { table, key }: TableContract,
): Promise<MirrorRemark | null> {
  const [schema, name] = splitName(table);
  const found: readonly { readonly columns: readonly string[] }[] = await db.query(sql`
    SELECT array_agg(a.attname::text) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    WHERE n.nspname = ${schema} AND c.relname = ${name} AND i.indisunique AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid`);
  const sorted = (columns: readonly string[]) => JSON.stringify(columns.toSorted());
  const promised = primaryOf(key);
  if (found.some(({ columns }) => sorted(columns) === sorted(promised))) return null;
  const what = `it is not unique by ${promised.join(', ')}, the key of its contract: drop it, so that it is made anew, and backfill it`;
  return { ...remark(table, what), stops: true };
}

const wasOf = ({ type }: Found): string => `it is ${type}; the table is rewritten`;

/** The type of that name, as the server prints it, if it has it; else text, which holds every type's own representation. */
type Printed = (type: string) => string;

/** Asks for all names at once: most columns have the types of others. */
async function printer(
  db: Queryable,
  contracts: readonly TableContract[],
  source: SourceTypes,
): Promise<Printed> {
  const types = contracts.flatMap((contract) =>
    governedColumns(contract).flatMap(({ name, type }) => [
      type,
      source.get(contract.table)?.get(name) ?? type,
    ]),
  );
  const names = [...new Set(types.map((type) => shapeOf(type)?.name))];
  const found: readonly { readonly name: string; readonly own: string | null }[] =
    await db.query(sql`
      SELECT name, to_regtype(name)::text AS own
      FROM unnest(${names.filter((name) => name !== undefined)}::text[]) AS i(name)`);
  const known = new Map(found.map(({ name, own }) => [name, own]));
  return (type) => {
    const shape = shapeOf(type);
    const own = shape && known.get(shape.name);
    if (!own) return 'text';
    const { limits, more, dimensions } = shape;
    const cut = limits && more ? own.indexOf(' ') : own.length; // `timestamp(3) with time zone`
    return `${own.slice(0, cut)}${limits.replace(' ', '')}${own.slice(cut)}${dimensions ? '[]' : ''}`;
  };
}

function shapeOf(type: string) {
  const shape = /^([a-z_][\w. ]*?)(\(\d+(?:, ?-?\d+)?\))?( [a-z ]+)?((?:\[\])*)$/i;
  const [, name, limits = '', more = '', dimensions = ''] = shape.exec(type) ?? [];
  return name === undefined ? null : { name: `${name}${more}`, limits, more, dimensions };
}

const raw = (type: string): SQLQuery => sql.__dangerous__rawValue(type); // As the server itself prints it.

const step = (table: string, statement: SQLQuery, note: string | null = null): MirrorStep => ({
  table,
  statement: textOf(statement),
  note,
});

const remark = (table: string, what: string, statement?: SQLQuery): MirrorRemark => ({
  table,
  what,
  statement: statement ? textOf(statement) : null,
  stops: false,
});

/** A statement without values, as it is sent. */
const textOf = (statement: SQLQuery): string =>
  statement.format({
    escapeIdentifier: (name) => name,
    formatValue: () => {
      throw new TypeError('a statement of a plan has no values');
    },
  }).text;
