import neo4j, { type Integer } from 'neo4j-driver';
import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';
import { keyText } from '../schemas/value.ts';
import type { Value } from '../schemas/value.ts';

/** What the graph keeps of a table. Names of the graph are quoted for Cypher. */
interface Kept {
  readonly source: string; // As at the source, `public.orders`.
  readonly columns: ReadonlySet<string>;
  readonly integers: ReadonlySet<string>;
  readonly assigned: string; // Cypher that takes all columns of row `i` from the parameters `c0`, `c1` …
}

/** A table as nodes of one label. */
export interface NodeTable extends Kept {
  readonly kind: 'nodes';
  readonly label: string;
  readonly hasKey: boolean;
  readonly isEnd: boolean; // Rows of other lanes may lead to its nodes.
  readonly relationships: readonly GraphRelationship[];
}

/** A table as relationships of one type between the nodes of two others. */
export interface JoinTable extends Kept {
  readonly kind: 'joins';
  readonly type: string;
  readonly from: GraphEnd;
  readonly to: GraphEnd;
}

export type GraphTable = NodeTable | JoinTable;

/** Where a foreign key leads. */
export interface GraphEnd {
  readonly column: string;
  readonly target: string; // The label pointed to.
  readonly keyOf: (value: Value) => string; // The `_key` of the node that a foreign key names.
}

export interface GraphRelationship extends GraphEnd {
  readonly type: string;
}

type Contracts = ReadonlyMap<string, TableContract>;

/** How the tables with a graph mapping become nodes and relationships; refuses a mapping that could not hold. */
export function graphTables(contracts: readonly TableContract[]): ReadonlyMap<string, GraphTable> {
  const byName = new Map(contracts.map((contract) => [contract.table, contract]));
  const nodes = contracts.filter(({ graph }) => graph !== null);
  const joins = contracts.filter(({ join }) => join !== undefined);
  refuseTwice(
    'graph label',
    nodes.map(({ table, graph }) => [graph?.label ?? '', table]),
  );
  refuseTwice('relationship type', [
    ...joins.map(({ table, join }) => [join?.type ?? '', table] as const),
    ...nodes.flatMap(({ table, graph }) =>
      [...new Set(graph?.relationships.map(({ type }) => type))]
        .filter((type) => joins.some(({ join }) => join?.type === type))
        .map((type) => [type, table] as const),
    ),
  ]);
  const ends = new Set([
    ...nodes.flatMap(({ graph }) => (graph?.relationships ?? []).map(({ to }) => to)),
    ...joins.flatMap(({ join }) => (join ? [join.from.to, join.to.to] : [])),
  ]);
  return new Map<string, GraphTable>([
    ...nodes.map((contract) => [contract.table, nodesOf(contract, byName, ends)] as const),
    ...joins.map((contract) => [contract.table, joinsOf(contract, byName)] as const),
  ]);
}

/** A value as a property. The driver takes a plain number for a float, and is slow to take a bigint apart. */
export function propertyOf(
  { integers }: GraphTable,
  column: string,
  value: Value,
): Value | Integer {
  if (typeof value === 'number') return integers.has(column) ? neo4j.int(value) : value;
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? neo4j.int(number) : value;
}

function nodesOf(contract: TableContract, byName: Contracts, ends: ReadonlySet<string>): NodeTable {
  const { table, graph, key } = contract;
  const types = new Set<string>();
  const relationships = (graph?.relationships ?? []).map(({ type, column, to }) => {
    const where = `table ${table}: relationship ${type}`;
    if (types.has(type)) throw new Error(`${where} is there twice; give each column its own type`);
    types.add(type);
    return { type: quoted(type), ...endOf({ where, contract, column, to }, byName) };
  });
  return {
    kind: 'nodes',
    ...keptOf(contract),
    label: quoted(graph?.label ?? ''),
    hasKey: key.length > 0,
    isEnd: ends.has(table),
    relationships,
  };
}

function joinsOf(contract: TableContract, byName: Contracts): JoinTable {
  const { table, join, key, graph } = contract;
  const where = `table ${table}: join ${join?.type}`;
  if (!join || graph) throw new Error(`${where}: it is a node as well; remove its graph`);
  if (key.length === 0) throw new Error(`${where}: a relationship needs a key to be known by`);
  return {
    kind: 'joins',
    ...keptOf(contract),
    type: quoted(join.type),
    from: endOf({ where, contract, ...join.from }, byName),
    to: endOf({ where, contract, ...join.to }, byName),
  };
}

interface Leads {
  readonly where: string;
  readonly contract: TableContract;
  readonly column: string;
  readonly to: string;
}

function endOf({ where, contract, column, to }: Leads, byName: Contracts): GraphEnd {
  const target = byName.get(to);
  const keyColumn = target?.key[0];
  if (!governedColumns(contract).some(({ name }) => name === column))
    throw new Error(`${where}: its column ${column} does not leave govern`);
  if (!target?.graph || keyColumn === undefined || target.key.length !== 1)
    throw new Error(`${where}: ${to} needs a contract with a graph label and a key of one column`);
  return {
    column,
    target: quoted(target.graph.label),
    keyOf: (value) => keyText({ [keyColumn]: value }),
  };
}

function keptOf(contract: TableContract): Kept {
  const { table } = contract;
  const columns = governedColumns(contract);
  const names = columns.map(({ name }) => name);
  const taken = ['_key', '_position', '_held'].find((own) => names.includes(own));
  if (taken)
    throw new Error(
      `table ${table}: a column ${taken} is the graph's own; drop that column by its contract`,
    );
  return {
    source: table,
    columns: new Set(names),
    integers: new Set(
      columns
        .filter(({ type }) => /^(smallint|integer|bigint)$/.test(type))
        .map(({ name }) => name),
    ),
    assigned: names.map((name, n) => `, ${quoted(name)}: $c${n}[i]`).join(''),
  };
}

function refuseTwice(what: string, owned: readonly (readonly [string, string])[]): void {
  const owners = new Map<string, string>();
  for (const [name, table] of owned) {
    const owner = owners.get(name);
    if (owner !== undefined)
      throw new Error(
        `tables ${owner} and ${table} have the same ${what} ${name}; give each its own in its contract`,
      );
    owners.set(name, table);
  }
}

/** A name as Cypher quotes it. */
function quoted(name: string): string {
  // Cypher reads \u0060 as a backtick, in a quoted name too.
  if (name.includes('\\')) throw new Error(`graph name ${name}: a backslash cannot be part of it`);
  return `\`${name.replaceAll('`', '``')}\``;
}
