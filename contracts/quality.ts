import { z } from 'zod';
import { type Bound, boundsIn, promisedBounds } from './bounds.ts';

/** What is measured of a table: a number of rows. */
export type Metric =
  | { readonly name: 'rowCount' }
  | { readonly name: 'nullValues'; readonly column: string }
  | { readonly name: 'missingValues'; readonly column: string; readonly missing: Values }
  | { readonly name: 'invalidValues'; readonly column: string; readonly valid: Valid }
  | { readonly name: 'duplicateValues'; readonly columns: readonly string[] };

/** Texts of values, and null where it is one of them. */
export type Values = readonly (string | null)[];

/** What makes a value valid: it is in a list, or matches a pattern. */
export type Valid = { readonly values: Values } | { readonly pattern: string };

/** A promise about the rows of a table that can be measured. */
export interface QualityRule {
  readonly title: string; // What people call it.
  readonly metric: Metric;
  readonly unit: 'rows' | 'percent';
  readonly bound: Bound;
  readonly severity: (typeof severities)[number];
}

/** From the gravest on: an error makes a check fail, the others are told. */
export const severities = ['error', 'warning', 'info'] as const;

const value = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const text = z.string().optional();

/** A quality rule as the standard has it, checked for its shape alone. */
export const promisedQuality = z.strictObject({
  ...promisedBounds,
  id: text,
  name: text,
  description: text,
  type: z.enum(['text', 'library', 'sql', 'custom']).default('library'),
  metric: text,
  rule: text,
  arguments: z
    .strictObject({
      missingValues: z.array(value).min(1),
      validValues: z.array(value).min(1),
      pattern: z.string().min(1),
      properties: z.array(z.string()).min(1),
    })
    .partial()
    .optional(),
  unit: text,
  severity: z.enum(severities).default('error'),
  dimension: z
    .enum([
      'accuracy',
      'completeness',
      'conformity',
      'consistency',
      'coverage',
      'timeliness',
      'uniqueness',
    ])
    .optional(),
  method: text,
  businessImpact: text,
  schedule: text,
  scheduler: text,
  query: text,
  engine: text,
  implementation: z.unknown().optional(),
  tags: z.array(z.string()).optional(),
  customProperties: z.array(z.unknown()).optional(),
  authoritativeDefinitions: z.array(z.unknown()).optional(),
});

type PromisedQuality = z.infer<typeof promisedQuality>;

interface Promising {
  readonly properties: readonly {
    readonly name: string;
    readonly quality?: readonly PromisedQuality[] | undefined;
  }[];
  readonly quality?: readonly PromisedQuality[] | undefined;
}

/** What was promised of the rows of a table and can be measured; text is for people alone. */
export const qualityOf = (table: Promising): readonly QualityRule[] =>
  readings(table).flatMap(({ rule }) => (rule === null || typeof rule === 'string' ? [] : [rule]));

/** What is wrong with the quality rules of a table: nothing that cannot be measured is taken for a promise. */
export const qualityFaults = (table: Promising): readonly string[] =>
  readings(table).flatMap(({ column, rule }) =>
    typeof rule === 'string' ? [`${column === null ? '' : `, column ${column}`}: ${rule}`] : [],
  );

interface Reading {
  readonly column: string | null;
  readonly rule: QualityRule | string | null; // A text says what is wrong.
}

function readings(table: Promising): readonly Reading[] {
  const names = table.properties.map(({ name }) => name);
  return [
    ...(table.quality ?? []).map((promised) => ({
      column: null,
      rule: ruleOf(promised, null, names),
    })),
    ...table.properties.flatMap(({ name, quality }) =>
      (quality ?? []).map((promised) => ({
        column: name,
        rule: ruleOf(promised, name, names),
      })),
    ),
  ];
}

function ruleOf(
  promised: PromisedQuality,
  column: string | null,
  names: readonly string[],
): QualityRule | string | null {
  const { name, id, description, type, severity, unit = 'rows' } = promised;
  if (type === 'text') return null;
  const title = name ?? id ?? description ?? promised.metric ?? type;
  const fault = (what: string) => `its quality rule "${title}" ${what}`;
  if (type === 'sql' || type === 'custom')
    return fault(
      `is of type ${type}, which is not measured here; write a metric of the standard's library, for example { metric: nullValues, mustBe: 0 }, or { type: text, description: … } for people alone`,
    );
  if (promised.query !== undefined || promised.engine !== undefined)
    return fault('has a query or an engine, and is of the library; keep one of the two');
  if (promised.rule !== undefined)
    return fault('says `rule`, which the standard gave up; write `metric` instead');
  const metric = metricOf(promised, column, names);
  if (typeof metric === 'string') return fault(metric);
  if (unit !== 'rows' && unit !== 'percent')
    return fault(`counts in ${unit}; write unit: rows or unit: percent`);
  if (metric.name === 'rowCount' && unit === 'percent')
    return fault('counts rows in percent of themselves; leave unit out');
  const [bound, ...more] = boundsIn(promised);
  if (!bound || more.length > 0)
    return fault(
      `has ${bound ? 'more than one bound' : 'no bound'}; give it one, for example mustBe: 0`,
    );
  if ('from' in bound && bound.from >= bound.to)
    return fault(`has a range from ${bound.from} to ${bound.to}; write the smaller number first`);
  return { title, metric, unit, bound, severity };
}

/** What is measured, or what is wrong with what was asked for. */
function metricOf(
  { metric, arguments: given = {} }: PromisedQuality,
  column: string | null,
  names: readonly string[],
): Metric | string {
  const unused = (...used: readonly string[]) => {
    const more = Object.keys(given).filter((argument) => !used.includes(argument));
    return more.length > 0 ? `takes no ${more.join(', ')}; remove it` : null;
  };
  switch (metric) {
    case undefined:
      return 'has no metric; write for example metric: nullValues';
    case 'rowCount':
      return column === null
        ? (unused() ?? { name: metric })
        : 'counts the rows of a column; move it to the table';
    case 'duplicateValues':
      return unused('properties') ?? duplicates(given.properties, column, names);
    case 'nullValues':
      return unused() ?? (column === null ? ofTable(metric) : { name: metric, column });
    case 'missingValues':
      return (
        unused('missingValues') ??
        (column === null
          ? ofTable(metric)
          : given.missingValues
            ? { name: metric, column, missing: textsOf(given.missingValues) }
            : "does not say which values are missing ones; write arguments: { missingValues: [null, ''] }")
      );
    case 'invalidValues':
      return (
        unused('validValues', 'pattern') ??
        (column === null ? ofTable(metric) : invalid(given, column))
      );
    default:
      return `has the metric ${metric}, which the standard's library has not; use nullValues, missingValues, invalidValues, duplicateValues or rowCount`;
  }
}

const ofTable = (metric: string) =>
  `measures ${metric} of a whole table; move it to one of its columns`;

function duplicates(
  properties: readonly string[] | undefined,
  column: string | null,
  names: readonly string[],
): Metric | string {
  if (column !== null)
    return properties
      ? 'is of a column and names others; move it to the table'
      : { name: 'duplicateValues', columns: [column] };
  const unknown = properties?.find((name) => !names.includes(name));
  if (!properties)
    return 'does not say which columns together are not to repeat; write arguments: { properties: [tenant_id, id] }';
  return unknown === undefined
    ? { name: 'duplicateValues', columns: properties }
    : `names the column ${unknown}, which the table does not have; name some of: ${names.join(', ')}`;
}

function invalid(
  { validValues, pattern }: NonNullable<PromisedQuality['arguments']>,
  column: string,
): Metric | string {
  if ((validValues === undefined) === (pattern === undefined))
    return "does not say what is valid, or says it twice; write arguments: { validValues: [a, b] } or { pattern: '^[A-Z]{2}$' }";
  const valid = validValues ? { values: textsOf(validValues) } : { pattern: pattern ?? '' };
  return { name: 'invalidValues', column, valid };
}

const textsOf = (values: readonly (string | number | boolean | null)[]): Values =>
  values.map((each) => (each === null ? null : String(each)));
