import { hash } from 'node:crypto';
import { governedColumns, isConfidential, type TableContract } from '../../contracts/contract.ts';
import type { Value } from '../../schemas/value.ts';
import { canonical } from './canonical.ts';
import type { Store, StoredRow } from './stores.ts';

/** What a row must look like once it is governed; null if it must not be there at all. */
export type Expected = (
  table: string,
  row: Readonly<Record<string, Value>>,
) => Readonly<Record<string, Value>> | null;

/** How a store's table differs from what its source says it must be. */
export interface StoreComparison {
  readonly store: string;
  readonly rows: number;
  readonly missing: number;
  readonly extra: number; // Among them stubs, and rows that are there twice.
  readonly different: number;
  /** Up to five: the key, by its digest if it is confidential, and the columns that differ. */
  readonly examples: readonly string[];
}

export interface TableComparison {
  readonly table: string;
  readonly sourceRows: number;
  readonly stores: readonly StoreComparison[];
}

export interface Comparison {
  readonly equal: boolean;
  readonly tables: readonly TableComparison[];
}

/** Compares every table under contract, row by row and column by column, with what each store has. At rest only. */
export async function compare({
  contracts,
  source,
  stores,
  expected,
}: {
  readonly contracts: readonly TableContract[];
  readonly source: Store; // With every column of a contract, not only those that leave govern.
  readonly stores: readonly Store[];
  readonly expected: Expected;
}): Promise<Comparison> {
  const tables: TableComparison[] = [];
  for (const contract of contracts) {
    const wanted = await wantedOf(contract, source, expected);
    const found: StoreComparison[] = [];
    for (const store of stores) found.push(await compareStore(contract, wanted, store));
    tables.push({ table: contract.table, sourceRows: wanted.sourceRows, stores: found });
  }
  const equal = tables.every(({ stores: all }) => all.every(isEqual));
  return { equal, tables };
}

/** Prints a line per table, and under it some of what differs. */
export function printComparison(
  { equal, tables }: Comparison,
  print: (line: string) => void,
): void {
  const stores = tables[0]?.stores.map(({ store }) => store) ?? [];
  const width = Math.max(5, ...tables.map(({ table }) => table.length));
  const cells = (table: string, rest: readonly string[]) =>
    [table.padEnd(width), ...rest.map((cell) => cell.padStart(14))].join(' ');
  print(cells('table', ['source rows', ...stores]));
  for (const { table, sourceRows, stores: found } of tables) {
    print(cells(table, [String(sourceRows), ...found.map(cellOf)]));
    for (const { store, examples } of found)
      for (const example of examples) print(`  ${store}: ${example}`);
  }
  print(
    equal ? `source = ${stores.join(' = ')}, row by row` : 'not equal (≠ missing/extra/different)',
  );
}

const isEqual = ({ missing, extra, different }: StoreComparison) =>
  missing + extra + different === 0;

const cellOf = (found: StoreComparison) =>
  isEqual(found) ? `= ${found.rows}` : `≠ ${found.missing}/${found.extra}/${found.different}`;

interface Wanted {
  readonly sourceRows: number;
  readonly rows: ReadonlyMap<string, readonly (string | null)[]>; // By key, in the order of columns.
  readonly edges: ReadonlyMap<string, { readonly type: string; readonly key: string }>;
}

async function wantedOf(
  contract: TableContract,
  source: Store,
  expected: Expected,
): Promise<Wanted> {
  const { textsOf, keyOf } = shapeOf(contract);
  const rows = new Map<string, readonly (string | null)[]>();
  const edges = new Map<string, { type: string; key: string }>();
  let sourceRows = 0;
  for await (const row of source.rows(contract)) {
    sourceRows++;
    const governed = row && expected(contract.table, row);
    if (!governed) continue;
    const texts = textsOf(governed);
    const key = keyOf(texts);
    rows.set(rows.has(key) ? `${key}#${sourceRows}` : key, texts);
    for (const { type, column } of contract.graph?.relationships ?? []) {
      const to = governed[column] ?? null;
      if (to !== null) edges.set(edgeText(type, key, to), { type, key });
    }
  }
  return { sourceRows, rows, edges };
}

async function compareStore(
  contract: TableContract,
  wanted: Wanted,
  store: Store,
): Promise<StoreComparison> {
  const { columns, textsOf, keyOf, shown } = shapeOf(contract);
  const unseen = new Set(wanted.rows.keys());
  const count = { rows: 0, missing: 0, extra: 0, different: 0 };
  const examples: string[] = [];
  const note = (kind: 'missing' | 'extra' | 'different', what: () => string, many = 1) => {
    count[kind] += many;
    if (examples.length < 5) examples.push(`${kind}: ${what()}`);
  };
  if (store.edges && !contract.graph) return { store: store.name, ...count, examples };
  for await (const row of store.rows(contract)) {
    count.rows++;
    if (row === null) {
      note('extra', () => 'a node that others point to and that was never delivered');
      continue;
    }
    const texts = textsOf(row);
    const key = keyOf(texts);
    const right = wanted.rows.get(key);
    if (!right || !unseen.delete(key)) {
      note('extra', () => `${shown(key)}${right ? ', which is there twice' : ''}`);
      continue;
    }
    const wrong = columns.filter((_, n) => texts[n] !== right[n]);
    if (wrong.length > 0)
      note('different', () => `${shown(key)} in ${wrong.map(({ name }) => name).join(', ')}`);
  }
  for (const key of unseen) note('missing', () => shown(key));
  if (store.edges) await compareEdges(store.edges(contract), { contract, wanted, note });
  const doubles = (await store.doubles?.(contract)) ?? 0;
  if (doubles > 0) note('extra', () => `${doubles} changes that are there twice`, doubles);
  return { store: store.name, ...count, examples };
}

async function compareEdges(
  edges: ReturnType<NonNullable<Store['edges']>>,
  {
    contract,
    wanted,
    note,
  }: {
    readonly contract: TableContract;
    readonly wanted: Wanted;
    readonly note: (kind: 'missing' | 'extra', what: () => string) => void;
  },
): Promise<void> {
  const { textsOf, keyOf, shown } = shapeOf(contract);
  const unseen = new Map(wanted.edges);
  for await (const { type, from, to } of edges) {
    const key = keyOf(textsOf(from));
    if (!unseen.delete(edgeText(type, key, to))) note('extra', () => `${type} of ${shown(key)}`);
  }
  for (const { type, key } of unseen.values()) note('missing', () => `${type} of ${shown(key)}`);
}

const edgeText = (type: string, key: string, to: Value) => `${type} ${key} ${String(to)}`;

/** How the rows of a table are told apart and compared. */
function shapeOf(contract: TableContract) {
  const columns = governedColumns(contract);
  const at = contract.key.map((name) => columns.findIndex((column) => column.name === name));
  const textsOf = (row: StoredRow) =>
    columns.map(({ name, type }) => short(canonical(type, row[name] ?? null)));
  const keyOf = (texts: readonly (string | null)[]) =>
    JSON.stringify(at.length > 0 ? at.map((n) => texts[n]) : texts);
  const secret =
    at.length === 0 ||
    contract.columns.some((column) => contract.key.includes(column.name) && isConfidential(column));
  const shown = (key: string) =>
    secret ? `key ${digest(key)}` : `${contract.key.join(', ')} ${key.slice(1, -1)}`;
  return { columns, textsOf, keyOf, shown };
}

/** A long text is kept as its hash: the comparison holds every row of a table. */
const short = (text: string | null) =>
  text !== null && text.length > 100 ? `sha256:${hash('sha256', text, 'hex')}` : text;

const digest = (key: string) => hash('sha256', key, 'hex').slice(0, 12);
