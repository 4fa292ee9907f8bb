/** A database as they are met, and not as one would make it: every table has something that is easily got wrong. */
export const awkward: readonly string[] = [
  `CREATE EXTENSION citext`,
  `CREATE EXTENSION pg_buffercache`, // It owns a view.
  `CREATE EXTENSION postgres_fdw`,
  `CREATE SCHEMA kinds`,
  `CREATE SCHEMA "Verkauf"`,
  `CREATE SCHEMA "a.b"`,

  // Types that another search path would name otherwise.
  `CREATE TYPE kinds.mood AS ENUM ('glad', 'sad')`,
  `CREATE TYPE "Mood" AS ENUM ('glad', 'sad')`,
  `CREATE TYPE kinds.pair AS (a integer, b text)`,
  `CREATE DOMAIN kinds.email_address AS citext CHECK (VALUE ~ '@')`,
  `CREATE TABLE typed (
    id uuid PRIMARY KEY, mood kinds.mood, quoted "Mood", moods kinds.mood[], pair kinds.pair,
    contact_email kinds.email_address, prices numeric(12,2)[], span interval year to month,
    bits bit varying(5), seen timestamptz(3), letter "char", code char(3), doc jsonb, raw bytea, place point,
    address inet, during tstzrange, words tsvector)`,

  // Names.
  `CREATE TABLE "Verkauf"."Kunden" (
    "Kunden Id" bigint PRIMARY KEY, "Straße" text, "e-mail" text, "we""ird" text, "null" text, "a: b #c" text,
    "{}[]," text, " pad " text, "zwei\nZeilen" text, "tab\t" text, "-" integer, "日本" text, "a.b" text)`,
  `CREATE TABLE "Verkauf"."Bestellungen" (
    id bigint PRIMARY KEY, "Kunden Id" bigint NOT NULL REFERENCES "Verkauf"."Kunden")`,
  `CREATE TABLE "Größen/\nx" (id int PRIMARY KEY, "Größe" text)`,
  `CREATE TABLE "größen/\nx" (id int PRIMARY KEY, label text)`,
  `CREATE TABLE "order" ("user" text, "select" bigint PRIMARY KEY)`,
  `CREATE TABLE "orders.old" (id bigint PRIMARY KEY)`,
  `CREATE TABLE "a.b".c (id bigint PRIMARY KEY)`,
  `CREATE TABLE own_names (id bigint PRIMARY KEY, _position text, _op text)`,

  // Persons, tenants, and what points to them.
  `CREATE TABLE orgs (id bigint PRIMARY KEY, name text NOT NULL)`,
  `CREATE TABLE users (
    org_id bigint NOT NULL REFERENCES orgs, id bigint NOT NULL, email text UNIQUE, password_hash text,
    born_on date, PRIMARY KEY (org_id, id))`,
  `CREATE TABLE visits (
    id bigint PRIMARY KEY, org_id bigint NOT NULL, user_id bigint, note text, ip inet,
    FOREIGN KEY (org_id, user_id) REFERENCES users)`,
  `CREATE TABLE newsletters (id bigint PRIMARY KEY, user_email text REFERENCES users (email))`,
  `CREATE TABLE mailboxes (email text PRIMARY KEY, org_id bigint NOT NULL)`,
  `CREATE TABLE leaflet (email text, full_name text)`,
  `CREATE TABLE tree (id bigint PRIMARY KEY, parent_id bigint REFERENCES tree)`,
  `CREATE TABLE left_half (id bigint PRIMARY KEY)`,
  `CREATE TABLE right_half (id bigint PRIMARY KEY REFERENCES left_half)`,
  `ALTER TABLE left_half ADD FOREIGN KEY (id) REFERENCES right_half DEFERRABLE INITIALLY DEFERRED`,

  // Replica identities.
  `CREATE TABLE keyless (a int, b text)`,
  `CREATE TABLE indexed (a int NOT NULL, b int, c int NOT NULL)`,
  `CREATE UNIQUE INDEX indexed_b ON indexed (b)`,
  `CREATE UNIQUE INDEX indexed_some ON indexed (a) WHERE c > 0`,
  `CREATE UNIQUE INDEX "indexed A" ON indexed (a, c)`,
  `CREATE TABLE hushed (id int PRIMARY KEY, b int)`,
  `ALTER TABLE hushed REPLICA IDENTITY NOTHING`,
  `CREATE TABLE other_index (id int PRIMARY KEY, b int NOT NULL UNIQUE)`,
  `ALTER TABLE other_index REPLICA IDENTITY USING INDEX other_index_b_key`,
  `CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE, b int)`,

  // Generated columns.
  `CREATE TABLE summed (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED,
    thrice int GENERATED ALWAYS AS (a * 3) VIRTUAL)`,
  `CREATE TABLE summed_keyless (a int, twice int GENERATED ALWAYS AS (a * 2) STORED)`,
  `CREATE TABLE summed_stuck (a int, thrice int GENERATED ALWAYS AS (a * 3) VIRTUAL)`,
  `CREATE TABLE summed_key (a int, id int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY)`,

  // Partitions and heirs.
  `CREATE TABLE events (id bigint, at date, body text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)`,
  `CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
  `CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
    PARTITION BY RANGE (at)`,
  `CREATE TABLE events_2026_a PARTITION OF events_2026 FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')`,
  `ALTER TABLE events_2025 REPLICA IDENTITY NOTHING`,
  `CREATE TABLE logs (at date, line int) PARTITION BY RANGE (at)`,
  `CREATE TABLE "logs 2025" PARTITION OF logs FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')`,
  `CREATE TABLE parent (id int PRIMARY KEY)`,
  `CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (parent)`,

  // What has no changes to capture.
  `CREATE VIEW seen AS SELECT id FROM orgs`,
  `CREATE MATERIALIZED VIEW kept AS SELECT id FROM orgs`,
  `CREATE UNLOGGED TABLE quick (id int PRIMARY KEY)`,
  `CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw`,
  `CREATE FOREIGN TABLE far (id int) SERVER elsewhere`,
  `CREATE TABLE empty ()`,

  `CREATE TABLE guarded (id int PRIMARY KEY, org_id bigint)`,
  `ALTER TABLE guarded ENABLE ROW LEVEL SECURITY`,
];
