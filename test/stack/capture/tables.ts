import { keep, type TestTable } from '../way/tables.ts';

const noPeople = { subject: null, relationships: [] } as const;

/** What a table is of which an old row tells no more than the key. Its form changes under way. */
const things: TestTable = {
  ...noPeople,
  name: 'things',
  tenant: 'tenant',
  ddl: [
    `CREATE TABLE things (
      id bigint PRIMARY KEY,
      tenant integer NOT NULL DEFAULT 7,
      n integer,
      price numeric(12,2),
      at timestamptz,
      tags text[])`,
  ],
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant', 'integer'),
    keep('n', 'integer'),
    keep('price', 'numeric(12,2)'),
    keep('at', 'timestamp with time zone'),
    keep('tags', 'text[]'),
  ],
};

/** Whole old rows, a key of two columns that changes, and long values that do not. */
const papers: TestTable = {
  ...noPeople,
  name: 'papers',
  tenant: null,
  ddl: [
    `CREATE TABLE papers (
      shelf integer,
      title text,
      meta jsonb,
      content text,
      PRIMARY KEY (shelf, title))`,
    'ALTER TABLE papers ALTER COLUMN content SET STORAGE EXTERNAL',
    'ALTER TABLE papers REPLICA IDENTITY FULL',
  ],
  columns: [
    keep('shelf', 'integer', { keyPosition: 1 }),
    keep('title', 'text', { keyPosition: 2 }),
    keep('meta', 'jsonb'),
    keep('content', 'text'),
  ],
};

/** Long values that an update leaves out, and nobody else tells. */
const notes: TestTable = {
  ...noPeople,
  name: 'notes',
  tenant: null,
  ddl: [
    'CREATE TABLE notes (id bigint PRIMARY KEY, n integer, body text)',
    'ALTER TABLE notes ALTER COLUMN body SET STORAGE EXTERNAL',
  ],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer'), keep('body', 'text')],
};

/** In the WAL only. */
const events: TestTable = {
  ...noPeople,
  name: 'events',
  tenant: null,
  ddl: [],
  outbox: true,
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('what', 'text')],
};

/** The tables of a test of capture: nothing of them is confidential, so that every column can be compared. */
export const faultTables: readonly TestTable[] = [things, papers, notes, events];
