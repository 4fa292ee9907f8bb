import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadContracts } from '../../../contracts/odcs.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let values: readonly string[];

beforeAll(async () => {
  way = await openWay([]);
  await way.commit(
    'CREATE TABLE tenants (id bigint PRIMARY KEY, name text NOT NULL)',
    `CREATE TABLE customers (
      id bigint PRIMARY KEY, tenant_id bigint NOT NULL REFERENCES tenants,
      field_1 text, field_2 text, field_3 text, field_4 text, field_5 text, field_6 inet, field_7 date,
      field_8 text, status text, reference uuid, zip text, age integer, credit numeric)`,
    'CREATE TABLE visits (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, code text)',
    `INSERT INTO tenants VALUES (1, 'Kettles and more')`,
    `INSERT INTO customers SELECT n, 1,
      CASE WHEN n % 20 = 0 THEN 'unknown-' || n ELSE 'ada.lovelace' || n || '@example.org' END,
      '+49 30 55' || lpad(n::text, 5, '0'),
      'DE89370400440532013000',
      '4111111111111111',
      lpad((100 + n)::text, 3, '1') || '-45-6789',
      ('10.1.2.' || n)::inet, date '1950-01-01' + n * 50,
      CASE WHEN n = 7 THEN 'please write to grace.hopper@example.org about it' ELSE 'a kettle of steel with a lid of glass' END,
      CASE WHEN n = 9 THEN 'hidden.person@example.org' ELSE 'paid' END,
      gen_random_uuid(), lpad((10000 + n)::text, 5, '0'), 20 + n % 50, n * 1000.25
      FROM generate_series(1, 200) n`,
    `INSERT INTO visits SELECT n, n, 'A' || n FROM generate_series(1, 200) n`,
  );
  const rows = (await way.source.query(
    sql`SELECT to_jsonb(c) AS row FROM customers c`,
  )) as readonly {
    readonly row: Readonly<Record<string, unknown>>;
  }[];
  // What is shorter than this stands in any text.
  values = [...new Set(rows.flatMap(({ row }) => Object.values(row).map(String)))].filter(
    (value) => value.length >= 5,
  );
});

afterAll(() => way[Symbol.asyncDispose]());

const propose = async (...args: readonly string[]) => {
  const ended = await way.start(['contract', 'propose', ...args]).ended;
  await expectNoValue([ended.stdout, ended.stderr]);
  return ended;
};

async function written(): Promise<Readonly<Record<string, string>>> {
  const folder = way.config.contracts;
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
    ),
  );
}

/** Whatever was printed or written has no value of a row in it. */
async function expectNoValue(printed: readonly string[]): Promise<void> {
  const all = [...printed, ...Object.values(await written())].join('\n');
  expect(values.length).toBeGreaterThan(1_000);
  expect(values.filter((value) => all.includes(value))).toEqual([]);
}

test('contracts are proposed from what values look like, and no value is in anything written or printed', async () => {
  const ended = await propose();
  expect(ended.code, ended.stderr).toBe(0);
  const file = `${way.name}.customers.yaml`;
  const text = (await written())[file]!;
  expect(text).toContain('status: proposed');
  const { schema } = parse(text) as {
    readonly schema: readonly { properties: readonly Column[] }[];
  };
  expect(Object.fromEntries(schema[0]!.properties.map(verdict))).toMatchObject({
    id: 'internal keep',
    field_1: 'confidential tokenise',
    field_2: 'confidential tokenise',
    field_3: 'confidential tokenise high',
    field_4: 'restricted drop',
    field_5: 'confidential tokenise high',
    field_6: 'confidential tokenise',
    field_7: 'confidential mask',
    field_8: 'confidential mask',
    status: 'confidential mask', // One of two hundred is an address.
    reference: 'internal keep',
    zip: 'confidential mask {"prefixes":[3,1]}',
    age: 'confidential mask {"intervals":[5,10,20],"from":0,"to":120}',
  });
  expect(ended.stdout).toMatch(/field_1: .*95 % of 200 sampled values look like an e-mail address/);
  expect(text).toMatch(/subject, value: id/);

  const contracts = await loadContracts(way.config.contracts);
  expect(contracts.map(({ table }) => table.split('.')[1])).toEqual([
    'customers',
    'tenants',
    'visits',
  ]);
  const checked = await way.start(['contract', 'check']).ended;
  expect(checked.code, checked.stdout).toBe(0);
  expect(checked.stdout).toContain('is proposed, and nobody has said that it is right');
});

test('a contract that is there stays, and is told what it would be, unless --force is said', async () => {
  const file = join(way.config.contracts, `${way.name}.visits.yaml`);
  const own = (await readFile(file, 'utf8')).replace(
    'classification: internal # an identifier',
    'classification: public # ours',
  );
  await writeFile(file, own);

  const kept = await propose('--table', 'visits');
  expect([kept.code, kept.stderr]).toEqual([0, '']);
  expect(kept.stdout).toContain('has a contract, which stays');
  expect(kept.stdout).toMatch(
    /otherwise .*visits, column id: is classified internal, higher than public/,
  );
  expect(await readFile(file, 'utf8')).toBe(own);

  const forced = await propose('--table', 'visits', '--force');
  expect([forced.code, forced.stderr]).toEqual([0, '']);
  expect(await readFile(file, 'utf8')).toContain('# an identifier');
  const again = await propose('--table', 'visits', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ proposed: [{ fate: 'equal', changes: [] }] });
});

test('what cannot be proposed is said in words, and leaves nothing behind', async () => {
  const before = await written();
  const unknown = await propose('--table', 'nowhere');
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain('there is no table nowhere');

  await writeFile(join(way.config.contracts, 'broken.yaml'), 'a: [');
  await way.commit('CREATE TABLE late (id bigint PRIMARY KEY)');
  const misfit = await propose('--table', 'late');
  expect(misfit.code).toBe(1);
  expect(misfit.stderr).toContain('do not go together; nothing was written');
  expect(Object.keys(await written()).sort()).toEqual(
    [...Object.keys(before), 'broken.yaml'].sort(),
  );
});

interface Column {
  readonly name: string;
  readonly classification: string;
  readonly customProperties: readonly { readonly property: string; readonly value: unknown }[];
}

/** What a column is proposed to be, in a few words. */
function verdict({ name, classification, customProperties }: Column): readonly [string, string] {
  const said = customProperties.map(({ value }) =>
    typeof value === 'string' ? value : JSON.stringify(value),
  );
  return [name, [classification, ...said].join(' ')];
}
