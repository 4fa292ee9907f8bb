import { stringify } from 'yaml';

type Rule = 'keep' | 'mask' | 'tokenise' | 'drop';

interface Column {
  readonly name: string;
  readonly physicalType: string;
  readonly rule: Rule;
  readonly classification?: 'internal' | 'confidential';
  readonly sensitivity?: 'high'; // Else what its classification says.
  readonly keyPosition?: number;
  readonly to?: string;
  readonly hierarchy?: object; // As a contract writes it.
}

/** A table of a test: how it is made, and what is promised about it. */
export interface TestTable {
  readonly name: string;
  readonly ddl: readonly string[];
  readonly tenant: string | null;
  readonly subject: string | null;
  readonly columns: readonly Column[];
  readonly relationships: readonly { readonly type: string; readonly column: string }[];
  readonly outbox?: true; // It exists in the WAL only.
  readonly insertOnly?: true;
  readonly anon?: object; // As a contract writes it.
  readonly dp?: object; // As a contract writes it.
}

export const keep = (name: string, physicalType: string, more: Partial<Column> = {}): Column => ({
  name,
  physicalType,
  rule: 'keep',
  ...more,
});

/** Whole old rows, because their keys change; the long text is stored out of line. */
const people: TestTable = {
  name: 'people',
  ddl: [
    `CREATE TABLE people (
      id bigint PRIMARY KEY,
      tenant_id bigint,
      owner_id bigint,
      name text,
      email text,
      phone text,
      mood text,
      bio text)`,
    'ALTER TABLE people ALTER COLUMN bio SET STORAGE EXTERNAL',
    'ALTER TABLE people REPLICA IDENTITY FULL',
  ],
  tenant: 'tenant_id',
  subject: 'owner_id',
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('owner_id', 'bigint'),
    { name: 'name', physicalType: 'text', rule: 'mask', classification: 'confidential' },
    { name: 'email', physicalType: 'text', rule: 'tokenise', classification: 'confidential' },
    { name: 'phone', physicalType: 'text', rule: 'drop', classification: 'confidential' },
    keep('mood', 'text'),
    keep('bio', 'text'),
  ],
  relationships: [],
};

/** A composite key, a foreign key, and old rows that tell no more than the key. */
const lines: TestTable = {
  name: 'lines',
  ddl: [
    `CREATE TABLE lines (
      person_id bigint NOT NULL,
      no smallint NOT NULL,
      tenant_id bigint NOT NULL,
      amount numeric(12,2),
      at timestamptz,
      note text,
      PRIMARY KEY (person_id, no))`,
    'ALTER TABLE lines ALTER COLUMN note SET STORAGE EXTERNAL',
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('person_id', 'bigint', { keyPosition: 1, to: 'people.id' }),
    keep('no', 'smallint', { keyPosition: 2 }),
    keep('tenant_id', 'bigint'),
    keep('amount', 'numeric(12,2)'),
    keep('at', 'timestamp with time zone'),
    keep('note', 'text'),
  ],
  relationships: [{ type: 'OF', column: 'person_id' }],
};

/** Nothing secret, and a column whose type may be changed. */
const marks: TestTable = {
  name: 'marks',
  ddl: ['CREATE TABLE marks (id bigint PRIMARY KEY, tenant_id bigint, n integer)'],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('n', 'integer'),
  ],
  relationships: [],
};

export const testTables: readonly TestTable[] = [people, lines, marks];

/** The contract of a table in that schema, as a document of the Open Data Contract Standard. */
export function contractOf(schema: string, table: TestTable): string {
  return stringify({
    apiVersion: 'v3.1.0',
    kind: 'DataContract',
    id: `test.${table.name}`,
    version: '1.0.0',
    status: 'active',
    schema: [
      {
        name: table.name,
        physicalName: `${schema}.${table.name}`,
        physicalType: 'table',
        customProperties: [
          ...(table.tenant === null ? [] : [{ property: 'tenant', value: table.tenant }]),
          ...(table.subject === null ? [] : [{ property: 'subject', value: table.subject }]),
          ...(table.insertOnly ? [{ property: 'insertOnly', value: true }] : []),
          ...(table.anon ? [{ property: 'anon', value: table.anon }] : []),
          ...(table.dp ? [{ property: 'dp', value: table.dp }] : []),
          ...(table.outbox ? [{ property: 'outbox', value: true }] : graphOf(schema, table)),
        ],
        properties: table.columns.map(({ name, physicalType, rule, ...column }) => ({
          name,
          physicalType,
          ...(column.keyPosition === undefined
            ? {}
            : { primaryKey: true, primaryKeyPosition: column.keyPosition }),
          classification: column.classification ?? 'internal',
          ...(column.to === undefined
            ? {}
            : { relationships: [{ type: 'foreignKey', to: column.to }] }),
          customProperties: [
            { property: 'rule', value: rule },
            ...(column.sensitivity ? [{ property: 'sensitivity', value: column.sensitivity }] : []),
            ...(column.hierarchy ? [{ property: 'hierarchy', value: column.hierarchy }] : []),
          ],
        })),
      },
    ],
  });
}

/** What has no key can be no node. */
function graphOf(schema: string, table: TestTable) {
  if (table.columns.every(({ keyPosition }) => keyPosition === undefined)) return [];
  const value = { label: labelOf(schema, table), relationships: table.relationships };
  return [{ property: 'graph', value }];
}

const labelOf = (schema: string, { name }: TestTable) => `${name.replaceAll(/\W/g, '_')}_${schema}`;
