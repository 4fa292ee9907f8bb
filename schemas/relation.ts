/** A table as the server describes it in the WAL: before its first change, and after each change of its form. */
export interface Relation {
  readonly oid: number; // Of the table, whatever it is called: a name may pass to another table.
  readonly schema: string;
  readonly name: string;
  readonly table: string; // Schema and name, `public.orders`.
  readonly identity: 'default' | 'nothing' | 'full' | 'index';
  readonly columns: readonly RelationColumn[];
}

export interface RelationColumn {
  readonly name: string;
  readonly type: string; // As format_type prints it; of a domain, its base type.
  readonly oid: number;
  readonly identity: boolean; // Sent with the old row.
}
