import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';
import { keyText } from '../schemas/value.ts';
import type { Unchanged, Value } from '../schemas/value.ts';

/** A table as nodes of one label. Label and types are quoted for Cypher. */
export interface GraphTable {
  readonly source: string; // As at the source, `public.orders`.
  readonly label: string;
  readonly hasKey: boolean;
  readonly integers: ReadonlySet<string>;
  readonly columns: ReadonlySet<string>;
  readonly relationships: readonly GraphRelationship[];
}

export interface GraphRelationship {
  readonly type: string;
  readonly column: string;
  readonly target: string; // The label pointed to.
  readonly keyOf: (value: Value) => string; // The `_key` of the node that a foreign key names.
}

/** How the tables with a graph mapping become nodes and relationships; refuses a mapping that could not hold. */
export function graphTables(contracts: readonly TableContract[]): ReadonlyMap<string, GraphTable> {
  const mapped = contracts.filter(({ graph }) => graph !== null);
  const owners = new Map<string, string>();
  for (const { table, graph } of mapped) {
    const owner = owners.get(graph?.label ?? '');
    if (owner !== undefined) {
      throw new Error(
        `tables ${owner} and ${table} have the same graph label ${graph?.label}; give each its own in its contract`,
      );
    }
    owners.set(graph?.label ?? '', table);
  }
  const byName = new Map(mapped.map((contract) => [contract.table, contract]));
  return new Map(mapped.map((contract) => [contract.table, tableOf(contract, byName)]));
}

/** A name as Cypher quotes it. */
export function quoted(name: string): string {
  // Cypher reads \u0060 as a backtick, in a quoted name too.
  if (name.includes('\\')) throw new Error(`graph name ${name}: a backslash cannot be part of it`);
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Columns as properties: an integer stays one, for the driver takes a plain number for a float. */
export function propertiesOf(
  table: GraphTable,
  row: Readonly<Record<string, Value | Unchanged>>,
): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    const isInteger = typeof value === 'number' && table.integers.has(column);
    properties[column] = isInteger ? BigInt(value) : value;
  }
  return properties;
}

function tableOf(contract: TableContract, byName: ReadonlyMap<string, TableContract>): GraphTable {
  const { table, graph, key } = contract;
  const columns = governedColumns(contract);
  const names = new Set(columns.map(({ name }) => name));
  const taken = ['_key', '_position', '_held'].find((own) => names.has(own));
  if (taken) {
    throw new Error(
      `table ${table}: a column ${taken} is the graph's own; drop that column by its contract`,
    );
  }
  const types = new Set<string>();
  const relationships = (graph?.relationships ?? []).map(({ type, column, to }) => {
    const target = byName.get(to);
    const keyColumn = target?.key[0];
    const where = `table ${table}: relationship ${type}`;
    if (!names.has(column)) throw new Error(`${where}: its column ${column} does not leave govern`);
    if (types.has(type)) throw new Error(`${where} is there twice; give each column its own type`);
    if (!target?.graph || keyColumn === undefined || target.key.length !== 1) {
      throw new Error(
        `${where}: ${to} needs a contract with a graph label and a key of one column`,
      );
    }
    types.add(type);
    return {
      type: quoted(type),
      column,
      target: quoted(target.graph.label),
      keyOf: (value: Value) => keyText({ [keyColumn]: value }),
    };
  });
  return {
    source: table,
    label: quoted(graph?.label ?? ''),
    hasKey: key.length > 0,
    columns: names,
    integers: new Set(
      columns
        .filter(({ type }) => /^(smallint|integer|bigint)$/.test(type))
        .map(({ name }) => name),
    ),
    relationships,
  };
}
