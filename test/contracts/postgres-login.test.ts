import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { postgresLogin } from '../../contracts/postgres-login.ts';

const folder = mkdtempSync(join(tmpdir(), 'login-'));
const authority = join(folder, 'ca.pem');
writeFileSync(authority, 'an authority');
afterAll(() => rmSync(folder, { recursive: true }));

const base = 'postgres://me:p%40ss@db.example:5432/shop';
const login = (query: string) => postgresLogin(`${base}${query}`);

test.for(['', '?sslmode=disable'])('%j is in the clear', (query) => {
  expect(login(query)).toEqual({ connectionString: base, ssl: false });
});

test.for(['require', 'no-verify'])('%s without an authority trusts any server', (mode) => {
  expect(login(`?sslmode=${mode}`)).toEqual({
    connectionString: base,
    ssl: { rejectUnauthorized: false },
  });
});

const certificate = { subject: { CN: 'db.example' }, subjectaltname: 'DNS:db.example' };
type Checked = Extract<ReturnType<typeof postgresLogin>['ssl'], object>;

const verified = [
  { query: '?sslmode=verify-full', otherHost: 'refused' },
  { query: `?sslmode=verify-full&sslrootcert=${authority}`, otherHost: 'refused' },
  { query: '?sslmode=verify-full&sslrootcert=system', otherHost: 'refused' },
  { query: `?sslmode=verify-ca&sslrootcert=${authority}`, otherHost: 'trusted' },
  { query: `?sslmode=require&sslrootcert=${authority}`, otherHost: 'trusted' },
] as const;

test.for(verified)(
  '$query verifies who signed the certificate; one of another host is $otherHost',
  ({ query, otherHost }) => {
    const { connectionString, ssl } = login(query);
    expect(connectionString).toBe(base);
    const { rejectUnauthorized, ca, checkServerIdentity } = ssl as Checked;
    expect(rejectUnauthorized).toBe(true);
    if (query.includes('ca.pem')) expect(ca).toBe('an authority');
    else expect(ca?.length).toBeGreaterThan(50);
    const ours = checkServerIdentity?.('localhost', certificate as never);
    expect(ours).toBeUndefined();
    const theirs = checkServerIdentity?.('db.example', {
      subject: { CN: 'evil.example' },
      subjectaltname: 'DNS:evil.example',
    } as never);
    expect(theirs instanceof Error).toBe(otherHost === 'refused');
  },
);

test('a file that cannot be read is said with its parameter, and without the password', () => {
  const asked = () => login(`?sslmode=verify-full&sslrootcert=${folder}/absent.pem`);
  expect(asked).toThrow(/the file of sslrootcert is not there: .*absent\.pem/);
  expect(asked).not.toThrow(/p%40ss/);
});

test('parameters that are not of TLS stay', () => {
  const { connectionString } = login('?application_name=x&sslmode=require');
  expect(connectionString).toBe(`${base}?application_name=x`);
});

test.for([
  [
    'a key that is not there',
    `sslcert=${authority}&sslkey=/absent.key`,
    /sslkey is not there: .absent\.key/,
    /correct sslkey/,
  ],
  [
    'a key that is no file',
    `sslcert=${authority}&sslkey=${folder}`,
    /sslkey cannot be read: /,
    /let the user that runs/,
  ],
  ['a certificate without its key', `sslcert=${authority}`, /without sslkey/, /add &sslkey=/],
  ['a key without its certificate', `sslkey=${authority}`, /without sslcert/, /add &sslcert=/],
  [
    'what is no certificate',
    `sslcert=${authority}&sslkey=${authority}`,
    /cannot be used together/,
    /as PEM/,
  ],
] as const)('%s is said with its file and what to do', ([, query, says, fix]) => {
  const asked = () => login(`?sslmode=verify-full&${query}`);
  expect(asked).toThrow(says);
  expect(asked).toThrow(fix);
});

test('certificates without an sslmode are refused: nothing would be encrypted', () => {
  expect(() => login(`?sslrootcert=${authority}`)).toThrow(/add sslmode=verify-full/);
});
