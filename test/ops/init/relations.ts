import { expect } from 'vitest';
import { faultsOf } from '../../../contracts/odcs-checks.ts';
import { readDocument } from '../../../contracts/odcs-document.ts';
import { contractText } from '../../../ops/init/contract-text.ts';
import { propose } from '../../../ops/init/proposal.ts';
import type { Proposal } from '../../../ops/init/proposed.ts';
import type { Column, Family, Relation, Server, UniqueIndex } from '../../../ops/init/catalog.ts';

const families: Readonly<Record<string, Family>> = {
  boolean: 'flag',
  bigint: 'number',
  integer: 'number',
  'numeric(12,2)': 'number',
  date: 'time',
  'timestamp with time zone': 'time',
  uuid: 'uuid',
  inet: 'network',
  point: 'place',
  mood: 'choice',
  jsonb: 'other',
  bytea: 'other',
};

/** A column as a catalog describes it; `bigint` and NOT NULL, where nothing else is said. */
export const column = (name: string, type = 'bigint', more: Partial<Column> = {}): Column => ({
  name,
  type,
  family: families[type] ?? 'text',
  notNull: true,
  generated: 'no',
  ...more,
});

export const index = (
  columns: readonly string[],
  more: Partial<UniqueIndex> = {},
): UniqueIndex => ({
  ident: columns.join('_'),
  columns,
  primary: false,
  identity: false,
  notNull: true,
  immediate: true,
  ...more,
});

export const primary = (...columns: readonly string[]): UniqueIndex =>
  index(columns, { primary: true, ident: 'pkey' });

/** A table `public.<name>` whose key is its first column, where nothing else is said. */
export const relation = (
  name: string,
  columns: readonly Column[],
  more: Partial<Relation> = {},
): Relation => ({
  schema: 'public',
  name,
  ident: `${more.schema ?? 'public'}.${name}`,
  schemaIdent: more.schema ?? 'public',
  kind: 'table',
  persistence: 'permanent',
  identity: 'default',
  rowSecurity: false,
  hasChildren: false,
  columns,
  uniqueIndexes: columns[0] ? [primary(columns[0].name)] : [],
  foreignKeys: [],
  partitions: [],
  ...more,
});

const setting = (value: string) => ({ value, waits: false, fixed: false });

/** A server that lacks nothing but the role. */
export const server: Server = {
  version: 180_004,
  database: 'shop',
  databaseIdent: 'shop',
  user: 'postgres',
  superuser: true,
  standby: false,
  walLevel: setting('logical'),
  replicationSlots: setting('10'),
  walSenders: setting('10'),
  slotWalKeepSizeMb: 65_536,
  sendersInUse: 0,
  slots: [],
  publications: [],
  role: {
    name: 'conductor',
    ident: 'conductor',
    exists: false,
    login: false,
    replicates: false,
    bypassesRowSecurity: false,
  },
  rds: false,
};

/** The proposals of tables, by their names. Whatever is proposed must load. */
export function proposed(...relations: readonly Relation[]): Readonly<Record<string, Proposal>> {
  const proposals = propose(relations, { generated: false });
  const documents = proposals.flatMap((each) =>
    readDocument(contractText(each, 'shop'), each.table),
  );
  expect(faultsOf(documents)).toEqual([]);
  return Object.fromEntries(proposals.map((each) => [each.relation.name, each]));
}

/** A foreign key, from columns here to columns there. */
export const to = (table: string, ...columns: readonly (readonly [string, string])[]) => ({
  to: `public.${table}`,
  columns,
});
