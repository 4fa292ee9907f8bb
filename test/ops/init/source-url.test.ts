import { expect, test } from 'vitest';
import { settingName } from '../../../contracts/setting-forms.ts';
import { checkUrl, checkVersion } from '../../../ops/init/read-catalog.ts';
import { placeOf, topicName, urlOfRole } from '../../../ops/init/source-url.ts';

test.for([
  ['shop', 'shop'],
  ['My Shop-2', 'my_shop_2'],
  ['Größe', 'grosse'],
  ['2024', '_2024'],
  ['日本', 'source'],
])('database %s is %s in topics', ([database, wanted]) => {
  expect(topicName(database!)).toBe(wanted);
  expect(settingName.safeParse(wanted).success).toBe(true);
});

test('the URL of the new role keeps what else the first one said', () => {
  const url = 'postgresql://me:p%40ss@[::1]:6432/postgres?sslmode=verify-full&sslrootcert=/ca';
  const of = { role: 'con ductor', password: 'xyz', database: "a/'b" };
  expect(urlOfRole(url, of)).toBe(
    'postgresql://con%20ductor:xyz@[::1]:6432/a%2F%27b?sslmode=verify-full&sslrootcert=/ca',
  );
});

test('a place is told without user and password', () => {
  expect(placeOf('postgres://me:secret@db/shop', 'shop')).toBe('database shop at db:5432');
  expect(placeOf('postgres:///shop?host=/run/pg', 'shop')).toBe('database shop at /run/pg:5432');
});

test.for(['mysql://a:secret@b/c', 'db:5432/shop', '', 'postgres://a:secret@b/c?sslmode=prefer'])(
  'refuses %j without repeating its password',
  (url) => {
    expect(() => checkUrl(url)).toThrow(/where: --source = .*\n {2}fix: {3}/s);
    expect(() => checkUrl(url)).not.toThrow(/secret/);
  },
);

test('refuses a server that is older than 14, and names its version', () => {
  checkVersion(140_000, 'postgres://a@b/c');
  expect(() => checkVersion(130_021, 'postgres://a:secret@b/c')).toThrow(
    /the server is PostgreSQL 13.21, older than 14\n {2}where: .*a:\*\*\*@b.*\n {2}fix: {3}upgrade/,
  );
});
