import type { Rule } from './contract.ts';
import type { PromisedColumn, PromisedTable } from './odcs-document.ts';
import { propertyOf } from './property-of.ts';

interface Column {
  readonly name: string;
  readonly rule: Rule;
  readonly hasHierarchy: boolean;
  readonly isKey: boolean;
}

/** What is wrong with what a table is to tell k-anonymously, each with what is right. */
export function* anonFaults(
  table: PromisedTable,
  promises: readonly PromisedTable[],
): Generator<string> {
  const anon = propertyOf(table, 'anon');
  if (!anon) return;
  const { dataset, quasi_identifiers, attributes, l, sensitive } = anon;
  const twin = promises.find(
    (other) =>
      other.physicalName < table.physicalName && propertyOf(other, 'anon')?.dataset === dataset,
  );
  if (dataset !== undefined && twin)
    yield `: its dataset is ${dataset}, which is that of ${twin.physicalName} too; give each its own`;
  const subject = propertyOf(table, 'subject');
  if (subject === null)
    yield `: is to be k-anonymous, but has no subject to count; add for example { property: subject, value: customer_id }`;
  if (!table.properties.some(({ primaryKey }) => primaryKey))
    yield `: is to be k-anonymous, but has no key by which a changed row is known; add primaryKey: true to a column`;
  if ((l === undefined) !== (sensitive === undefined))
    yield `: anon has ${l === undefined ? 'a sensitive column, but no l' : 'an l, but no sensitive column'}; write both, for example l: 2, sensitive: diagnosis`;
  const columns = new Map(table.properties.map((column) => [column.name, columnOf(column)]));
  for (const name of [...quasi_identifiers, ...attributes, ...(sensitive ? [sensitive] : [])])
    if (!columns.has(name))
      yield `: anon names the column ${name}, which it does not have; name one of: ${[...columns.keys()].join(', ')}`;
  yield* identifierFaults(quasi_identifiers.flatMap((name) => columns.get(name) ?? []));
  const told = attributes.flatMap((name) => columns.get(name) ?? []);
  for (const column of told) yield* attributeFaults(column, quasi_identifiers, subject);
  const all = [...quasi_identifiers, ...attributes];
  for (const name of new Set(all.filter((one, at) => all.indexOf(one) !== at)))
    yield `, column ${name}: is in anon twice; keep one of the two`;
}

function* identifierFaults(columns: readonly Column[]): Generator<string> {
  for (const { name, hasHierarchy, isKey } of columns) {
    if (isKey)
      yield `, column ${name}: is a quasi-identifier and of the key, which tells one row from all others; leave it out`;
    if (!hasHierarchy)
      yield `, column ${name}: is a quasi-identifier, but has no hierarchy to make it coarser by; add for example { property: hierarchy, value: { intervals: [5, 10], from: 0, to: 120 } }`;
  }
}

function* attributeFaults(
  { name, rule, isKey }: Column,
  identifiers: readonly string[],
  subject: string | null,
): Generator<string> {
  if (isKey || name === subject)
    yield `, column ${name}: is an attribute of anon, but tells whose row it is; leave it out`;
  else if (rule !== 'keep' && rule !== 'generalise' && !identifiers.includes(name))
    yield `, column ${name}: is an attribute of anon, and its rule is ${rule}; only what is kept or generalised is told, so leave it out`;
}

const columnOf = (column: PromisedColumn): Column => ({
  name: column.name,
  rule: propertyOf(column, 'rule') ?? 'drop',
  hasHierarchy: propertyOf(column, 'hierarchy') !== null,
  isKey: column.primaryKey,
});
