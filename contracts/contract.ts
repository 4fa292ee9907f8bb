import type { AnonContract } from './anon.ts';
import type { Dp } from './dp.ts';
import type { Hierarchy } from './hierarchy.ts';
import type { TokenForm } from './token-form.ts';

export type Classification = 'public' | 'internal' | 'confidential' | 'restricted';

/** What govern does with a column. There is no default: a column without a rule is dropped. */
export type Rule = 'keep' | 'mask' | 'tokenise' | 'generalise' | 'seal' | 'drop';

/** How much it would hurt if it were known: what policy looks at. */
export type Sensitivity = 'low' | 'medium' | 'high';

export interface ColumnContract {
  readonly name: string;
  readonly type: string; // As PostgreSQL names it: `bigint`, `numeric(12,2)`.
  readonly classification: Classification;
  readonly sensitivity: Sensitivity;
  readonly rule: Rule;
  readonly hierarchy: Hierarchy | null; // How its values are made coarser.
  readonly references: Reference | null;
  readonly tokenForm?: TokenForm; // Its tokens look like its values.
}

/** The column of another table that this one points to; they share a token domain. */
export interface Reference {
  readonly table: string;
  readonly column: string;
}

export interface Relationship {
  readonly type: string; // `PLACED_BY`
  readonly column: string; // The foreign key in this table.
  readonly to: string; // The table it points to, by its key.
}

/** A table whose rows are no nodes, but relationships between the rows of two others. */
export interface Join {
  readonly type: string; // `TAGGED`
  readonly from: Omit<Relationship, 'type'>;
  readonly to: Omit<Relationship, 'type'>;
}

/** What was promised about a table. */
export interface TableContract {
  readonly table: string; // Schema and name, `public.orders`.
  readonly revision: string; // A digest of what was promised: another promise, another revision.
  readonly key: readonly string[]; // Primary key columns, in key order; none for a table without one.
  readonly tenant: string | null;
  readonly subject: { readonly column: string; readonly domain: string } | null;
  readonly columns: readonly ColumnContract[];
  readonly outbox?: true; // No table: messages of pg_logical_emit_message with its name as their prefix.
  readonly insertOnly?: true; // Nothing but inserts ever happens to it: nobody needs to be told of anything else.
  readonly anon?: AnonContract; // What of it leaves k-anonymous.
  readonly dp?: Dp; // Its noisy aggregates, if it has any.
  readonly graph: {
    readonly label: string;
    readonly relationships: readonly Relationship[];
  } | null;
  readonly join?: Join; // Its place in the graph, if it is a join table.
}

export const isConfidential = ({
  classification,
}: Pick<ColumnContract, 'classification'>): boolean =>
  classification === 'confidential' || classification === 'restricted';

/** The columns that leave govern, with the type that they then have: a token, a mask or a class is text. */
export function governedColumns(
  contract: TableContract,
): readonly { readonly name: string; readonly type: string }[] {
  return contract.columns
    .filter(({ rule }) => rule !== 'drop')
    .map(({ name, type, rule }) => ({ name, type: rule === 'keep' ? type : 'text' }));
}
