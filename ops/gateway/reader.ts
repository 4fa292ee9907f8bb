import type { TableContract } from '../../contracts/contract.ts';
import type { RestingRow } from '../../processors/view.ts';

/** Which rows are wanted. Names are the contract's own; whatever a caller sends is a parameter. */
export interface Wanted {
  readonly contract: TableContract;
  readonly columns: readonly string[];
  readonly tenant: string | null; // Null: of every tenant.
  readonly signal: AbortSignal;
}

export interface Page extends Wanted {
  readonly after: Readonly<Record<string, string>> | null; // The key of the last row before it.
  readonly limit: number;
}

export interface Grouping extends Wanted {
  readonly subject: string; // The column whose distinct values are counted; `columns` are grouped by.
  readonly least: number; // Distinct subjects behind a group, or it is left out.
  readonly limit: number;
}

export interface Group {
  readonly group: RestingRow;
  readonly subjects: number;
  readonly rows: number;
}

/** Reads what rests in a sink. */
export interface Reader extends AsyncDisposable {
  rows(page: Page): Promise<readonly RestingRow[]>;
  /** The tenants that have rows in a table. */
  tenants(contract: TableContract): Promise<readonly string[]>;
  groups(grouping: Grouping): Promise<readonly Group[]>;
}
