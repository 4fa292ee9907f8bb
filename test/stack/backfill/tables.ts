import { keep, type TestTable } from '../way/tables.ts';

/** Pages that are almost empty, so that few rows are many ranges; a long text that updates may leave out. */
export const items: TestTable = {
  name: 'items',
  ddl: [
    `CREATE TABLE items (id bigint PRIMARY KEY, tenant_id bigint, n integer, note text, body text)
      WITH (fillfactor = 10, autovacuum_enabled = false)`,
    'ALTER TABLE items ALTER COLUMN body SET STORAGE EXTERNAL',
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('n', 'integer'),
    keep('note', 'text'),
    keep('body', 'text'),
  ],
  relationships: [],
};

/** Whole old rows, sealed columns, and a name that is to be quoted. */
export const people: TestTable = {
  name: 'Pe"ople s',
  ddl: [
    `CREATE TABLE "Pe""ople s" (id bigint PRIMARY KEY, tenant_id bigint, n integer, "E mail" text, body text)
      WITH (fillfactor = 10)`,
    `ALTER TABLE "Pe""ople s" ALTER COLUMN body SET STORAGE EXTERNAL`,
    `ALTER TABLE "Pe""ople s" REPLICA IDENTITY FULL`,
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('n', 'integer'),
    { name: 'E mail', physicalType: 'text', rule: 'tokenise', classification: 'confidential' },
    keep('body', 'text'),
  ],
  relationships: [],
};

/** Partitions of which one is in turn partitioned, and a column that is generated. */
export const events: TestTable = {
  name: 'events',
  ddl: [
    `CREATE TABLE events (id bigint, tenant_id bigint, n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED,
      PRIMARY KEY (id, tenant_id)) PARTITION BY LIST (tenant_id)`,
    'CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1)',
    'CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY HASH (id)',
    'CREATE TABLE events_rest_0 PARTITION OF events_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
    'CREATE TABLE events_rest_1 PARTITION OF events_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1)',
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint', { keyPosition: 2 }),
    keep('n', 'integer'),
  ],
  relationships: [],
};
