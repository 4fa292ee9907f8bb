import type { Classification, Rule } from '../../contracts/contract.ts';
import type { Column, Relation } from './catalog.ts';
import type { Owner } from './owner-guess.ts';
import type { Pointer } from './references.ts';

/** What a contract would say of a column, and why. */
export interface ProposedColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly keyPosition: number | null; // From 1.
  readonly classification: Classification;
  readonly rule: Rule;
  readonly why: string;
  readonly isGrave: boolean; // It would hurt more than most of what is confidential.
  readonly hierarchy: string | null; // How its values may be made coarser, as a contract writes it.
  readonly pointsTo: Pointer | null;
}

export interface ProposedGraph {
  readonly label: string;
  readonly relationships: readonly { readonly type: string; readonly column: string }[];
}

/** A table whose rows are relationships between the nodes of two others. */
export interface ProposedJoin {
  readonly type: string;
  readonly from: string;
  readonly to: string;
}

/** What a contract would say of a table, and why. */
export interface Proposal {
  readonly table: string;
  readonly relation: Relation;
  readonly columns: readonly ProposedColumn[];
  readonly leftOut: readonly Column[]; // Generated, and not published.
  readonly tenant: Owner | null;
  readonly subject: Owner | null;
  readonly graph: ProposedGraph | null;
  readonly join: ProposedJoin | null; // Never both.
  readonly notes: readonly string[]; // What a person must look at.
}

export const isSecret = ({ classification }: ProposedColumn): boolean =>
  classification === 'confidential' || classification === 'restricted';
