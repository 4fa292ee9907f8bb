import { hash } from 'node:crypto';
import { anonOf } from './anon.ts';
import type { ColumnContract, Reference, Relationship, TableContract } from './contract.ts';
import { dpOf } from './dp.ts';
import { InvalidContracts, type PromisedTable, readDocument } from './odcs-document.ts';
import {
  coarserBy,
  faultsOf,
  graphOf,
  joinOf,
  ownerOf,
  pointsTo,
  type Promises,
  ruleOf,
  saysOf,
  sensitivityOf,
} from './odcs-checks.ts';
import { propertyOf } from './property-of.ts';
import { promisesIn, writtenIn } from './read-promises.ts';
import { typeName } from './type-name.ts';

/** The contracts of one document, taken as a whole: what it points to must be in it. */
export function parseContracts(yaml: string, source: string): readonly TableContract[] {
  return resolve(readDocument(yaml, source));
}

/** The contracts of every `*.yaml` in a directory, checked against each other. All faults come in one error. */
export async function loadContracts(directory: string): Promise<readonly TableContract[]> {
  const { tables, problems } = promisesIn(await writtenIn(directory));
  if (problems.length > 0) throw new InvalidContracts(problems);
  return resolve(tables);
}

function resolve(promises: Promises): readonly TableContract[] {
  const faults = faultsOf(promises);
  if (faults.length > 0) throw new InvalidContracts(faults);
  return promises
    .map((table) => contractOf(table, promises))
    .sort((a, b) => (a.table < b.table ? -1 : 1));
}

function contractOf(table: PromisedTable, promises: Promises): TableContract {
  const columns = table.properties.map((column): ColumnContract => {
    const tokenForm = propertyOf(column, 'tokenForm');
    return {
      name: column.name,
      type: typeName(column.physicalType),
      classification: column.classification,
      sensitivity: sensitivityOf(column),
      rule: ruleOf(column),
      hierarchy: coarserBy(column),
      references: lastOf(pointsTo(table, column.name, promises), promises),
      ...(tokenForm && { tokenForm }), // Not said, it leaves revisions as they are.
    };
  });
  const subject = ownerOf(table, 'subject');
  const [graph, join] = [graphOf(table), joinOf(table)];
  const end = (column: string) => ({ column, to: pointsTo(table, column, promises)?.table ?? '' });
  const [anon, dp] = [propertyOf(table, 'anon'), propertyOf(table, 'dp')];
  const promise = {
    table: table.physicalName,
    key: keyOf(table),
    tenant: ownerOf(table, 'tenant'),
    subject:
      subject === null ? null : { column: subject, domain: domainOf(table, subject, columns) },
    columns,
    ...(saysOf(table, 'outbox') && { outbox: true as const }),
    ...(saysOf(table, 'insertOnly') && { insertOnly: true as const }),
    ...(anon && { anon: anonOf(anon) }),
    ...(dp && { dp: dpOf(dp) }),
    graph:
      graph === null
        ? null
        : {
            label: graph.label,
            relationships: graph.relationships.map(({ type, column }): Relationship => ({
              type,
              ...end(column),
            })),
          },
    ...(join && { join: { type: join.type, from: end(join.from), to: end(join.to) } }),
  };
  return { ...promise, revision: hash('sha256', canonical(promise), 'hex').slice(0, 16) };
}

/** In the order of the key, as an object keeps it: names that are numbers come first. One key has one text, whoever writes it. */
const keyOf = ({ properties }: PromisedTable): readonly string[] =>
  Object.keys(
    Object.fromEntries(
      properties
        .filter(({ primaryKey }) => primaryKey)
        .sort((a, b) => (a.primaryKeyPosition ?? 1) - (b.primaryKeyPosition ?? 1))
        .map(({ name }) => [name, null]),
    ),
  );

/** Follows a foreign key that points to a foreign key: all of them hold the same token. */
function lastOf(reference: Reference | null, promises: Promises): Reference | null {
  const table = promises.find(({ physicalName }) => physicalName === reference?.table);
  if (!reference || !table) return reference;
  return lastOf(pointsTo(table, reference.column, promises), promises) ?? reference;
}

function domainOf(
  table: PromisedTable,
  subject: string,
  columns: readonly ColumnContract[],
): string {
  const references = columns.find(({ name }) => name === subject)?.references;
  return references
    ? `${references.table}.${references.column}`
    : `${table.physicalName}.${subject}`;
}

/** JSON with its keys in order, so that the order in a file does not make another promise. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, found: unknown) => {
    const each: unknown = found instanceof Map ? Object.fromEntries(found) : found;
    return typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each;
  });
}
