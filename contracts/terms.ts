import type { PromisedTable } from './odcs-document.ts';
import { propertyOf } from './property-of.ts';
import { qualityFaults, type QualityRule, qualityOf } from './quality.ts';

/** What a contract promises beside the columns: who answers for the table, how long its rows are kept, how good they are. */
export interface Terms {
  readonly table: string;
  readonly file: string;
  readonly version: string;
  readonly status: string;
  readonly owner: string | null;
  readonly retention: Retention | null;
  readonly quality: readonly QualityRule[];
}

/** How long rows are kept, and the column that tells how old one is. */
export interface Retention {
  readonly count: number;
  readonly unit: 'hour' | 'day' | 'month' | 'year';
  readonly column: string | null;
}

/** The terms of a table's contract. */
export function termsOf(table: PromisedTable): Terms {
  const { version, status } = table.document;
  const [retention = null] = retentions(table);
  return {
    table: table.physicalName,
    file: table.source,
    version,
    status,
    owner: answering(table.document.team),
    retention: typeof retention === 'string' ? null : retention,
    quality: qualityOf(table),
  };
}

/** What is wrong with the terms of a table. */
export function termsFaults(table: PromisedTable): readonly string[] {
  const found = retentions(table);
  const isOutbox = propertyOf(table, 'outbox') !== null;
  return [
    ...qualityFaults(table),
    ...(isOutbox && qualityOf(table).length > 0
      ? [': is an outbox, which has no rows to measure; remove its quality rules']
      : []),
    ...found.flatMap((each) => (typeof each === 'string' ? [`: ${each}`] : [])),
    ...(found.length > 1 ? [': has more than one retention; keep one'] : []),
  ];
}

/** About how many days rows are kept. */
export const daysOf = ({ count, unit }: Retention): number =>
  count * { hour: 1 / 24, day: 1, month: 30.4375, year: 365.25 }[unit];

export const retentionText = ({ count, unit, column }: Retention): string =>
  `${count} ${unit}${count === 1 ? '' : 's'}${column === null ? '' : ` by ${column}`}`;

/** The member whose role is owner and who has not left, else the team. */
function answering(team: PromisedTable['document']['team']): string | null {
  if (!team) return null;
  const members = Array.isArray(team) ? team : (team.members ?? []);
  const owner = members.find(
    ({ role = '', dateOut }) => /\bowner\b/i.test(role) && dateOut === undefined,
  );
  return owner?.username ?? (Array.isArray(team) ? null : (team.name ?? null));
}

const units: ReadonlyMap<string, Retention['unit']> = new Map([
  ...['h', 'hr', 'hour', 'hours'].map((unit) => [unit, 'hour'] as const),
  ...['d', 'day', 'days'].map((unit) => [unit, 'day'] as const),
  ...['mo', 'month', 'months'].map((unit) => [unit, 'month'] as const),
  ...['y', 'yr', 'year', 'years'].map((unit) => [unit, 'year'] as const),
]);

/** What is said of this table's retention; a text says what is wrong with it. */
function retentions(table: PromisedTable): readonly (Retention | string)[] {
  return table.document.slaProperties
    .filter(({ property }) => /^(?:retention|re)$/i.test(property))
    .flatMap((promised) => retentionOf(promised, table) ?? []);
}

const example =
  'write for example { property: retention, value: 3, unit: y, element: orders.placed_at }';

function retentionOf(
  { value, unit = '', element }: PromisedTable['document']['slaProperties'][number],
  table: PromisedTable,
): Retention | string | null {
  const { document } = table;
  const elements = (element ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  const nowhere = elements.find((each) =>
    document.tables.every((other) => placeOf(each, other, document) === null),
  );
  if (nowhere !== undefined)
    return `its retention is of ${nowhere}, which is in no table of this document; ${example}`;
  const own = elements.flatMap((each) => placeOf(each, table, document) ?? []);
  if (elements.length > 0 && own.length === 0) return null; // Another table's.
  const known = units.get(unit.toLowerCase());
  const count = Number(value);
  if (!known || typeof value === 'boolean' || !Number.isInteger(count) || count < 1)
    return `its retention is no number of hours, days, months or years; ${example}`;
  const [column = ''] = own;
  if (own.length > 1) return `its retention names ${own.length} columns; name one`;
  const names = table.properties.map(({ name }) => name);
  if (column !== '' && !names.includes(column))
    return `its retention goes by the column ${column}, which the table does not have; ${example}`;
  return { count, unit: known, column: column === '' ? null : column };
}

interface Named {
  readonly name: string;
  readonly physicalName: string;
}

/** The column of an element if it is of this table; empty where the element is the table itself. */
function placeOf(
  element: string,
  { name, physicalName }: Named,
  { tables }: PromisedTable['document'],
): string | null {
  for (const own of [physicalName, name, physicalName.slice(physicalName.indexOf('.') + 1)]) {
    if (element === own) return '';
    if (element.startsWith(`${own}.`)) return element.slice(own.length + 1);
  }
  return tables.length === 1 && !element.includes('.') ? element : null;
}
