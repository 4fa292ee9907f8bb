import type { Rule } from './contract.ts';
import type { PromisedTable } from './odcs-document.ts';

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
  for (const each of table.customProperties) {
    if (each.property !== 'anon') continue;
    const { dataset, quasi_identifiers, attributes, l, sensitive } = each.value;
    const twin = promises.find(
      (other) => other.physicalName < table.physicalName && datasetIn(other) === dataset,
    );
    if (dataset !== undefined && twin)
      yield `: its dataset is ${dataset}, which is that of ${twin.physicalName} too; give each its own`;
    const subject = table.customProperties.find(({ property }) => property === 'subject');
    if (!subject)
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
    const whose = subject?.property === 'subject' ? subject.value : null;
    for (const column of told) yield* attributeFaults(column, quasi_identifiers, whose);
    const all = [...quasi_identifiers, ...attributes];
    for (const name of new Set(all.filter((one, at) => all.indexOf(one) !== at)))
      yield `, column ${name}: is in anon twice; keep one of the two`;
  }
}

function datasetIn({ customProperties }: PromisedTable): string | undefined {
  for (const each of customProperties) if (each.property === 'anon') return each.value.dataset;
  return undefined;
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

const columnOf = ({
  name,
  primaryKey,
  customProperties,
}: PromisedTable['properties'][number]): Column => {
  let rule: Rule = 'drop';
  let hasHierarchy = false;
  for (const each of customProperties)
    if (each.property === 'rule') rule = each.value;
    else if (each.property === 'hierarchy') hasHierarchy = true;
  return { name, rule, hasHierarchy, isKey: primaryKey };
};
