import { keep, type TestTable } from '../way/tables.ts';

const kinds = [
  ['tenant_id', 'bigint'],
  ['yes', 'boolean'],
  ['c', 'character(5)'],
  ['v', 'character varying(20)'],
  ['small', 'smallint'],
  ['i', 'integer'],
  ['f', 'real'],
  ['d', 'double precision'],
  ['n', 'numeric(12,3)'],
  ['wide', 'numeric(50,2)'],
  ['big', 'numeric'],
  ['at', 'timestamp with time zone'],
  ['local', 'timestamp without time zone'],
  ['day', 'date'],
  ['bytes', 'bytea'],
  ['ip', 'inet'],
  ['j', 'json'],
  ['b', 'jsonb'],
  ['list', 'integer[]'],
  ['t', 'time without time zone'],
  ['u', 'uuid'],
  ['span', 'interval'],
] as const;

/** A column of every kind that a sink keeps in a way of its own. */
export const allKinds: TestTable = {
  name: 'kinds',
  ddl: [
    `CREATE TABLE kinds (id text PRIMARY KEY, secret text, ${kinds.map(([name, type]) => `${name} ${type}`).join(', ')})`,
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'text', { keyPosition: 1 }),
    { name: 'secret', physicalType: 'text', rule: 'tokenise', classification: 'confidential' },
    ...kinds.map(([name, type]) => keep(name, type)),
  ],
  relationships: [],
};

/** Rows of it, made of their number alone. */
export const kindRows = (from: number, to: number): string => `
  INSERT INTO kinds (id, secret, tenant_id, yes, c, v, small, i, f, d, n, wide, big, at, local, day, bytes, ip, j, b, list, t, u, span)
  SELECT 'k' || n || chr(233) || '"\\', 's' || n, n % 3, n % 2 = 0, 'a' || n % 9, repeat('é', n % 9), n % 300 - 150, n - 1000,
    n * 0.1 - 40, CASE n % 7 WHEN 0 THEN 0 WHEN 1 THEN -n / 7.0 ELSE exp(n % 300) END, n * 1.125 - 500, n * 100000000000000000000000.5,
    CASE n % 5 WHEN 0 THEN NULL ELSE n * 1e30 END, timestamptz '1950-01-01' + n * interval '13 days 1.5 s' + n % 3 * interval '1 us',
    timestamp '2001-02-03' + n * interval '0.1 s', date '1950-01-01' + n, decode(md5(n::text), 'hex'), ('10.0.0.' || n % 250)::inet,
    json_build_object('n', n, 'x', NULL), jsonb_build_object('b', n, 'a', 1.50), ARRAY[n, NULL], '12:00'::time + n * interval '1 us',
    md5(n::text)::uuid, n * interval '1 h' FROM generate_series(${from}, ${to}) n`;

/** Rows of nothing but nulls, and of what is at the ends of its type. */
export const oddRows = `
  INSERT INTO kinds (id, tenant_id) VALUES ('nulls', NULL), ('', NULL);
  INSERT INTO kinds (id, f, d, small, i, n, at, local, t, bytes, list, v) VALUES
    ('odd', 'NaN', 'Infinity', -32768, 2147483647, -0.001, '2024-02-29 23:59:59.999999+00', '1999-12-31', '24:00', '', '{}', ''),
    ('odder', '-Infinity', '-0', 32767, -2147483648, 0, '1900-01-01 00:00:00+00', '2299-12-31 23:59:59.9', '00:00:00.000001', '\\x00', NULL, E'\\t\\n\\x01'),
    ('oddest', 1e-45, 5e-324, 0, 0, 999999999.999, '2000-01-01 00:00:00.1+00', '2000-01-01 00:00:00.10', NULL, NULL, NULL, ' ')`;
