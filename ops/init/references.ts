import type { Reference } from '../../contracts/contract.ts';
import { type Relation, tableName } from './catalog.ts';
import type { Owner } from './owner-guess.ts';

/** Where a column points to. */
export interface Pointer extends Reference {
  readonly declared: boolean; // By a foreign key; otherwise it is a guess.
}

/** A table, with what was guessed of its owners. */
export interface Owned {
  readonly relation: Relation;
  readonly columns: readonly { readonly name: string }[]; // Those that get a contract.
  readonly owners: readonly Owner[];
}

/** What points where, and which foreign keys a contract cannot say. */
export class References {
  readonly #pointers = new Map<string, Pointer>();
  readonly #unsaid = new Map<string, string[]>();

  constructor(tables: readonly Owned[]) {
    const columns = new Map(
      tables.map(({ relation, columns: of }) => [
        tableName(relation),
        new Set(of.map(({ name }) => name)),
      ]),
    );
    for (const { relation, owners } of tables)
      for (const [here, pointer] of wanted(relation, owners))
        this.#add({ table: tableName(relation), column: here }, pointer, columns);
  }

  of(table: string, column: string): Pointer | null {
    return this.#pointers.get(idOf({ table, column })) ?? null;
  }

  /** What a contract of a table must leave out, as sentences. */
  unsaid(table: string): readonly string[] {
    return this.#unsaid.get(table) ?? [];
  }

  /** Sets of columns that hold the same values, because they point to each other. */
  groups(): readonly (readonly Reference[])[] {
    const ends = new Map<string, Reference[]>();
    for (const id of this.#pointers.keys()) {
      const from = referenceOf(id);
      const end = this.#endOf(from);
      const group = ends.get(idOf(end)) ?? [end];
      ends.set(idOf(end), [...group, from]);
    }
    return [...ends.values()].map((group) => [
      ...new Map(group.map((each) => [idOf(each), each])).values(),
    ]);
  }

  #add(from: Reference, to: Pointer, columns: ReadonlyMap<string, ReadonlySet<string>>): void {
    const said = this.#pointers.has(idOf(from));
    const fault = said ? null : this.#faultOf(from, to, columns);
    if (fault !== null) {
      const list = this.#unsaid.get(from.table) ?? [];
      this.#unsaid.set(from.table, [
        ...list,
        `${from.column} points to ${to.table}.${to.column}, which this contract does not say: ${fault}`,
      ]);
    } else if (!said) this.#pointers.set(idOf(from), to);
  }

  #faultOf(
    from: Reference,
    to: Pointer,
    columns: ReadonlyMap<string, ReadonlySet<string>>,
  ): string | null {
    if (!columns.get(from.table)?.has(from.column)) return `${from.column} is left out`;
    if (!columns.get(to.table)?.has(to.column)) return 'that has no contract';
    if (
      !shortForm(from.table, to)
        .split('.')
        .every((part) => /^\w+$/.test(part))
    )
      return 'only names of ASCII letters, digits and _ can be pointed to';
    const end = this.#endOf(to);
    return idOf(end) === idOf(from) ? 'it leads back to itself' : null;
  }

  #endOf(from: Reference): Reference {
    let at = from;
    for (;;) {
      const next = this.#pointers.get(idOf(at));
      if (!next) return { table: at.table, column: at.column };
      at = next;
    }
  }
}

/** As contracts write it: `customers.id` in the same schema, `public.customers.id` elsewhere. */
export function shortForm(from: string, { table, column }: Reference): string {
  const schema = from.slice(0, from.indexOf('.') + 1);
  return `${table.startsWith(schema) ? table.slice(schema.length) : table}.${column}`;
}

/** What the database declares comes first, and of that what is declared of one column alone. */
function wanted(
  { foreignKeys }: Relation,
  owners: readonly Owner[],
): readonly (readonly [here: string, to: Pointer])[] {
  return [
    ...foreignKeys
      .toSorted((a, b) => a.columns.length - b.columns.length)
      .flatMap(({ to, columns }) =>
        columns.map(
          ([here, there]) => [here, { table: to, column: there, declared: true }] as const,
        ),
      ),
    ...owners.flatMap(({ column, pointsTo }) =>
      pointsTo ? [[column, { ...pointsTo, declared: false }] as const] : [],
    ),
  ];
}

const idOf = ({ table, column }: Reference): string => JSON.stringify([table, column]);

function referenceOf(id: string): Reference {
  const [table, column] = JSON.parse(id) as [string, string];
  return { table, column };
}
