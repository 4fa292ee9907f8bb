import { type ConnectionPool, type SQLQuery, sql } from '@databases/pg';
import { boundText, holds } from '../../contracts/bounds.ts';
import { wordsOf } from '../../contracts/error-words.ts';
import type { Metric, QualityRule, Valid, Values } from '../../contracts/quality.ts';
import { sqlName } from '../../contracts/sql-name.ts';
import { type Retention, retentionText, type Terms } from '../../contracts/terms.ts';

/** What came of one promise about rows: how many, never which. */
export interface Measured {
  readonly table: string;
  readonly rule: string;
  readonly promised: string; // `nullValues of email ≤ 5 percent`.
  readonly rows: number; // Of the whole table.
  readonly found: number; // Of those that were counted.
  readonly outcome: 'kept' | 'broken' | 'not measured';
  readonly severity: QualityRule['severity'];
  readonly why: string | null; // Why it could not be measured.
}

/** Holds the rows of a table against what its contract promises of them, one count after the other. */
export async function measure(db: ConnectionPool, terms: Terms): Promise<readonly Measured[]> {
  const from = await fromOf(db, terms.table);
  const all: Measured[] = [];
  for (const promise of promisesOf(terms)) all.push(await measured(db, from, promise));
  return all;
}

/** One count, and what it must be. */
interface Countable extends Pick<Measured, 'table' | 'rule' | 'promised' | 'severity'> {
  readonly count: (from: SQLQuery) => SQLQuery;
  readonly isKept: (found: number, rows: number) => boolean;
}

function promisesOf({ table, quality, retention }: Terms): readonly Countable[] {
  return [
    ...quality.map((rule): Countable => ({
      table,
      rule: rule.title,
      promised: `${metricText(rule.metric)} ${boundText(rule.bound)} ${rule.unit}`,
      severity: rule.severity,
      count: (from) => countOf(rule.metric, from),
      isKept: (found, rows) =>
        holds(rule.bound, rule.unit === 'rows' ? found : rows === 0 ? 0 : (found / rows) * 100),
    })),
    ...(retention && retention.column !== null ? [kept(table, retention, retention.column)] : []),
  ];
}

const kept = (table: string, retention: Retention, column: string): Countable => ({
  table,
  rule: 'retention',
  promised: `no row older than ${retentionText(retention)}`,
  severity: 'error',
  count: (from) =>
    counted(
      from,
      sql`${sqlName(column)} < now() - make_interval(${sqlName(`${retention.unit}s`)} => ${retention.count}::int)`,
    ),
  isKept: (found) => found === 0,
});

async function measured(
  db: ConnectionPool,
  from: SQLQuery | null,
  { table, rule, promised, severity, count, isKept }: Countable,
): Promise<Measured> {
  const base = { table, rule, promised, severity, rows: 0, found: 0 };
  if (!from)
    return { ...base, outcome: 'not measured', why: 'the source has no such table; create it' };
  try {
    const [row] = (await db.tx((tx) => tx.query(count(from)), { readOnly: true })) as readonly {
      readonly rows: string;
      readonly found: string;
    }[];
    const rows = Number(row?.rows ?? 0);
    const found = Number(row?.found ?? 0);
    const outcome = isKept(found, rows) ? 'kept' : 'broken';
    return { ...base, rows, found, outcome, why: null };
  } catch (error) {
    return { ...base, outcome: 'not measured', why: wordsOf(error) };
  }
}

/** A partitioned table is read with its partitions, and any other without the tables that inherit from it. */
async function fromOf(db: ConnectionPool, table: string): Promise<SQLQuery | null> {
  const [schema = '', name = ''] = table.split('.');
  const [found] = (await db.query(sql`
    SELECT c.relkind = 'p' AS partitioned FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema} AND c.relname = ${name}`)) as readonly { partitioned: boolean }[];
  if (!found) return null;
  return found.partitioned ? sqlName(schema, name) : sql`ONLY ${sqlName(schema, name)}`;
}

function countOf(metric: Metric, from: SQLQuery): SQLQuery {
  switch (metric.name) {
    case 'rowCount':
      return counted(from, sql`true`);
    case 'nullValues':
      return counted(from, sql`${sqlName(metric.column)} IS NULL`);
    case 'missingValues':
      return counted(from, isOneOf(metric.column, metric.missing));
    case 'invalidValues':
      return counted(from, isInvalid(metric.column, metric.valid));
    case 'duplicateValues':
      return repeated(from, metric.columns);
  }
}

const counted = (from: SQLQuery, condition: SQLQuery) =>
  sql`SELECT count(*)::text AS rows, (count(*) FILTER (WHERE ${condition}))::text AS found FROM ${from}`;

/** Rows whose values an earlier row has; where one of them is null there is nothing to repeat. */
function repeated(from: SQLQuery, columns: readonly string[]): SQLQuery {
  const names = columns.map((column) => sqlName(column));
  const filled = sql.join(
    names.map((name) => sql`${name} IS NOT NULL`),
    ' AND ',
  );
  return sql`
    SELECT (SELECT count(*) FROM ${from})::text AS rows, coalesce(sum(times - 1), 0)::text AS found
    FROM (SELECT count(*) AS times FROM ${from} WHERE ${filled} GROUP BY ${sql.join(names, ', ')}) AS each`;
}

const textOf = (column: string) => sql`${sqlName(column)}::text`;

function isOneOf(column: string, values: Values): SQLQuery {
  const texts = values.filter((value) => value !== null);
  const isNull = values.includes(null) ? sql`${sqlName(column)} IS NULL` : sql`false`;
  return sql`(${isNull} OR coalesce(${textOf(column)} = ANY(${texts}::text[]), false))`;
}

/** What is null is missing, and not invalid. */
const isInvalid = (column: string, valid: Valid): SQLQuery =>
  'values' in valid
    ? sql`${sqlName(column)} IS NOT NULL AND NOT ${isOneOf(column, valid.values)}`
    : sql`${textOf(column)} !~ ${valid.pattern}`;

function metricText(metric: Metric): string {
  if (metric.name === 'rowCount') return metric.name;
  const columns = 'columns' in metric ? metric.columns.join(', ') : metric.column;
  return `${metric.name} of ${columns}`;
}
