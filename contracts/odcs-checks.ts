import { anonFaults } from './anon-checks.ts';
import {
  type Classification,
  isConfidential,
  type Reference,
  type Rule,
  type Sensitivity,
} from './contract.ts';
import { dpFaults } from './dp.ts';
import { type Hierarchy, hierarchyFaults, hierarchyOf } from './hierarchy.ts';
import { isBlurred } from './strictness.ts';
import { typeName } from './type-name.ts';
import type {
  PromisedColumn,
  PromisedGraph,
  PromisedJoin,
  PromisedTable,
} from './odcs-document.ts';
import { propertyOf } from './property-of.ts';
import { termsFaults } from './terms.ts';
import { mayMakeTokens, tokenFormFaults } from './token-form.ts';

/** Every table of every document: contracts are right or wrong together. */
export type Promises = readonly PromisedTable[];

/** What govern does with a column. Silence drops. */
export const ruleOf = (column: PromisedColumn): Rule => propertyOf(column, 'rule') ?? 'drop';

/** How much it would hurt if a column were known: by its classification where nothing is said. */
export const sensitivityOf = (column: PromisedColumn): Sensitivity =>
  propertyOf(column, 'sensitivity') ?? usualSensitivity[column.classification];

const usualSensitivity: Readonly<Record<Classification, Sensitivity>> = {
  public: 'low',
  internal: 'low',
  confidential: 'medium',
  restricted: 'high',
};

/** How the values of a column are made coarser, if anything is said of it. */
export function coarserBy(column: PromisedColumn): Hierarchy | null {
  const promised = propertyOf(column, 'hierarchy');
  return promised && hierarchyOf(promised);
}

/** The column that says whose a row is: its tenant, or the person it is about. */
export const ownerOf = (table: PromisedTable, owner: 'tenant' | 'subject'): string | null =>
  propertyOf(table, owner);

/**
 * Whether something is said of a table by its name alone: `outbox`, that there is none but messages in the WAL
 * that bear its name; `insertOnly`, that nothing but inserts ever happens to it.
 */
export const saysOf = (table: PromisedTable, said: 'outbox' | 'insertOnly'): boolean =>
  propertyOf(table, said) !== null;

/** What a table is in the graph, or null if it has no place in it. */
export const graphOf = (table: PromisedTable): PromisedGraph | null => propertyOf(table, 'graph');

/** What a table is there whose rows are relationships between those of two others; null for any other. */
export const joinOf = (table: PromisedTable): PromisedJoin | null => propertyOf(table, 'join');

/** The column that another one points to by its foreign key; null if it has none, or points nowhere. */
export function pointsTo(
  table: PromisedTable,
  column: string,
  promises: Promises,
): Reference | null {
  const to = columnOf(table, column)?.relationships[0]?.to;
  if (to === undefined) return null;
  const dot = to.lastIndexOf('.');
  const [name, target] = [to.slice(0, dot), to.slice(dot + 1)];
  const schema = table.physicalName.split('.', 1)[0];
  const found =
    promises.find(({ physicalName }) => physicalName === name) ??
    promises.find(({ physicalName }) => physicalName === `${schema}.${name}`) ??
    promises.find((other) => other.source === table.source && other.name === name);
  return found && columnOf(found, target) ? { table: found.physicalName, column: target } : null;
}

/** What is wrong with the contracts, taken together; nothing if they may be used. */
export function faultsOf(promises: Promises): readonly string[] {
  return promises.flatMap((table) =>
    [
      ...doubles(table, promises),
      ...keyFaults(table),
      ...ownerFaults(table),
      ...table.properties.flatMap((column) => [...columnFaults(table, column, promises)]),
      ...graphFaults(table, promises),
      ...joinFaults(table, promises),
      ...anonFaults(table, promises),
      ...aggregateFaults(table, promises),
      ...termsFaults(table),
    ].map((fault) => `${table.source}: ${table.physicalName}${fault}`),
  );
}

const columnOf = (table: PromisedTable, name: string): PromisedColumn | undefined =>
  table.properties.find((column) => column.name === name);

function* doubles(table: PromisedTable, promises: Promises): Generator<string> {
  const first = promises.find(({ physicalName }) => physicalName === table.physicalName);
  if (first && first !== table)
    yield `: has a contract in ${first.source} already; keep one of the two`;
  for (const name of repeated(table.properties.map((column) => column.name)))
    yield `, column ${name}: is there twice; keep one of the two`;
  for (const name of repeated(table.customProperties.map(({ property }) => property)))
    yield `: says "${name}" twice; keep one of the two`;
  for (const { name, customProperties } of table.properties)
    for (const twice of repeated(customProperties.map(({ property }) => property)))
      yield `, column ${name}: has more than one ${twice}; keep one of the two`;
}

const repeated = (names: readonly string[]) =>
  new Set(names.filter((name, at) => names.indexOf(name) !== at));

function* keyFaults({ properties }: PromisedTable): Generator<string> {
  const key = properties.filter(({ primaryKey }) => primaryKey);
  for (const { name, primaryKey, primaryKeyPosition } of properties)
    if (!primaryKey && primaryKeyPosition !== undefined && primaryKeyPosition !== -1)
      yield `, column ${name}: has a primaryKeyPosition, but is not of the key; add primaryKey: true`;
  const positions = key.map(({ primaryKeyPosition }) => primaryKeyPosition);
  const wanted = key.map((_, at) => at + 1);
  const alone = key.length === 1 && positions[0] === undefined;
  if (!alone && wanted.some((position) => !positions.includes(position)))
    yield `: its primary key (${key.map(({ name }) => name).join(', ')}) has no order; number its columns from 1, for example primaryKeyPosition: 1`;
  for (const column of key)
    if (isBlurred(ruleOf(column)))
      yield `, column ${column.name}: is of the key, and its rule is ${ruleOf(column)}: no sink could tell rows apart; use keep or tokenise`;
}

function* ownerFaults(table: PromisedTable): Generator<string> {
  for (const owner of ['tenant', 'subject'] as const) {
    const column = ownerOf(table, owner);
    if (column !== null && !columnOf(table, column))
      yield `: its ${owner} is the column ${column}, which it does not have; name one of: ${names(table)}`;
  }
  const tenant = columnOf(table, ownerOf(table, 'tenant') ?? '');
  if (tenant && isConfidential(tenant))
    yield `, column ${tenant.name}: is the tenant and ${tenant.classification}; govern must read it to make tokens, so classify it internal`;
  const confidential = table.properties.find(isConfidential);
  const owned = ownerOf(table, 'tenant') !== null || ownerOf(table, 'subject') !== null;
  if (confidential && !owned)
    yield `, column ${confidential.name}: is ${confidential.classification}, but the table has no subject and no tenant under whose key to seal it; add for example { property: tenant, value: tenant_id }`;
}

const names = (table: PromisedTable) => table.properties.map(({ name }) => name).join(', ');

function* columnFaults(
  table: PromisedTable,
  column: PromisedColumn,
  promises: Promises,
): Generator<string> {
  const rule = ruleOf(column);
  const place = `, column ${column.name}:`;
  if (rule === 'keep' && isConfidential(column))
    yield `${place} is ${column.classification}, and its rule is keep; use mask, tokenise, generalise or drop`;
  if (rule === 'generalise' && !coarserBy(column))
    yield `${place} its rule is generalise, but it has no hierarchy; add for example { property: hierarchy, value: { prefixes: [3, 1] } }`;
  if (column.physicalName !== undefined && column.physicalName !== column.name)
    yield `${place} is called ${column.physicalName} by the database; write that as its name, and how people call it as businessName`;
  if (column.examples && isConfidential(column))
    yield `${place} is ${column.classification}, and has examples: remove them, for they may be somebody's`;
  const hierarchy = propertyOf(column, 'hierarchy');
  if (hierarchy) for (const fault of hierarchyFaults(hierarchy)) yield `${place} ${fault}`;
  const form = propertyOf(column, 'tokenForm');
  const type = typeName(column.physicalType);
  if (form) for (const fault of tokenFormFaults(form, { type, rule })) yield `${place} ${fault}`;
  const to = column.relationships[0]?.to;
  if (to === undefined) return;
  const target = pointsTo(table, column.name, promises);
  if (!target) {
    yield `${place} points to ${to}, which no contract has; write table.column of a table with a contract, for example customers.id`;
    return;
  }
  if (isLoop(target, { table: table.physicalName, column: column.name }, promises)) {
    yield `${place} points to ${to}, which leads back to it; remove one of these relationships`;
    return;
  }
  const theirs = columnAt(target, promises);
  const rules = theirs ? [rule, ruleOf(theirs)] : [];
  if (rules.includes('keep') && rules.includes('tokenise'))
    yield `${place} its rule is ${rules[0]}, that of ${to}, which it points to, is ${rules[1]}: they would never meet; give both the same rule`;
  const theirForm = theirs && propertyOf(theirs, 'tokenForm');
  if (rules.length > 0 && rules.every(mayMakeTokens) && form !== theirForm)
    yield `${place} its tokenForm is ${form ?? 'none'}, that of ${to}, which it points to, is ${theirForm ?? 'none'}: their tokens would never meet; give both the same tokenForm`;
}

const columnAt = ({ table, column }: Reference, promises: Promises): PromisedColumn | undefined => {
  const found = promises.find(({ physicalName }) => physicalName === table);
  return found && columnOf(found, column);
};

function isLoop(from: Reference, to: Reference, promises: Promises): boolean {
  const seen = new Set<string>();
  let at: Reference | null = from;
  while (at && !seen.has(`${at.table}.${at.column}`)) {
    if (at.table === to.table && at.column === to.column) return true;
    seen.add(`${at.table}.${at.column}`);
    const table = promises.find(({ physicalName }) => physicalName === at?.table);
    at = table ? pointsTo(table, at.column, promises) : null;
  }
  return false;
}

function* graphFaults(table: PromisedTable, promises: Promises): Generator<string> {
  const graph = graphOf(table);
  if (!graph) return;
  if (!table.properties.some(({ primaryKey }) => primaryKey))
    yield `: is a node of the graph, but has no primary key to know it by; add primaryKey: true to a column, or remove its graph`;
  for (const other of promises)
    if (other.physicalName < table.physicalName && graphOf(other)?.label === graph.label)
      yield `: has the label ${graph.label}, which ${other.physicalName} has too; use another`;
  for (const { type, column } of graph.relationships)
    yield* followFaults(`, relationship ${type}:`, table, column, promises);
}

function* joinFaults(table: PromisedTable, promises: Promises): Generator<string> {
  const join = joinOf(table);
  if (!join) return;
  const place = `, join ${join.type}:`;
  if (graphOf(table))
    yield `${place} its rows cannot be both relationships and nodes; remove its graph or its join`;
  if (!table.properties.some(({ primaryKey }) => primaryKey))
    yield `: is a join of the graph, but has no primary key to know its rows by; add primaryKey: true to a column, or remove its join`;
  if (join.from === join.to)
    yield `${place} leads from the column ${join.from} to itself; name two columns`;
  for (const other of promises) {
    const isBefore = other.physicalName < table.physicalName;
    const types = graphOf(other)?.relationships.map(({ type }) => type) ?? [];
    if ((isBefore && joinOf(other)?.type === join.type) || types.includes(join.type))
      yield `${place} ${other.physicalName} has relationships of that type, too; use another`;
  }
  for (const name of new Set([join.from, join.to])) {
    yield* followFaults(place, table, name, promises);
    const column = columnOf(table, name);
    if (column && !column.primaryKey && !column.required)
      yield `${place} follows the column ${name}, which may be empty, and a relationship has two ends; add required: true to it, once it is NOT NULL`;
  }
}

function* followFaults(
  place: string,
  table: PromisedTable,
  name: string,
  promises: Promises,
): Generator<string> {
  const column = columnOf(table, name);
  const target = pointsTo(table, name, promises);
  if (!column)
    yield `${place} follows the column ${name}, which the table does not have; name one of: ${names(table)}`;
  else if (column.relationships.length === 0)
    yield `${place} follows the column ${name}, which points nowhere; add to it, for example, relationships: [{ type: foreignKey, to: customers.id }]`;
  else if (target) yield* endFaults(place, column, target, promises);
}

function* endFaults(
  place: string,
  column: PromisedColumn,
  target: Reference,
  promises: Promises,
): Generator<string> {
  if (isBlurred(ruleOf(column)))
    yield `${place} follows the column ${column.name}, whose rule is ${ruleOf(column)}; use keep or tokenise, or remove the relationship`;
  const end = promises.find(({ physicalName }) => physicalName === target.table);
  const key = end?.properties.filter(({ primaryKey }) => primaryKey).map(({ name }) => name) ?? [];
  if (key.length !== 1 || key[0] !== target.column)
    yield `${place} follows the column ${column.name} to ${target.table}.${target.column}, which is not that table's whole key; let it point to the key`;
  if (end && !graphOf(end))
    yield `${place} leads to ${target.table}, which is no node; add to it, for example, { property: graph, value: { label: Customer } }`;
}

function* aggregateFaults(table: PromisedTable, promises: Promises): Generator<string> {
  const dp = propertyOf(table, 'dp');
  if (!dp) return;
  const columns = table.properties.map(
    ({ name, physicalType }) => [name, typeName(physicalType)] as const,
  );
  yield* dpFaults(dp, {
    columns: new Map(columns),
    subject: ownerOf(table, 'subject'),
    tenant: ownerOf(table, 'tenant'),
  });
  const { dataset } = dp;
  for (const other of promises)
    if (dataset !== undefined && other.physicalName < table.physicalName)
      if (propertyOf(other, 'dp')?.dataset === dataset)
        yield `: its dp is the dataset ${dataset}, which is that of ${other.physicalName} too; give it another name`;
}
