import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import type { Config } from '../../../contracts/config.ts';
import { administerKeyring, openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { type VaultDouble, vaultDouble } from './vault-double.ts';

let folder = '';
let vault: VaultDouble;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vault-'));
  vault = await vaultDouble();
});
afterEach(async () => {
  await vault[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

type Vault = NonNullable<Config['keyring']['kms']>['vault'];
const settings = (more: Partial<Vault> = {}, rootKey?: string): Config['keyring'] => ({
  directory: join(folder, 'keys'),
  ...(rootKey === undefined ? {} : { rootKey }),
  kms: {
    vault: {
      url: vault.url,
      key: 'conductor',
      mount: 'transit',
      token: vault.token,
      timeout: 5,
      ...more,
    },
  },
});
const ada = { tenant: '1', domain: 'public.users.id', subject: 'ada' };
const tenants = () => readFileSync(join(folder, 'keys', 'tenants.ring'), 'utf8');

async function sealed(of = settings()) {
  await using keyring = await openKeyring(of);
  const owned = keyring.keyOf(ada);
  if (owned === 'destroyed') return expect.unreachable();
  await keyring.saved();
  return { ref: owned.ref, key: owned.key.export().toString('hex') };
}

async function found(ref: Buffer, of = settings()) {
  await using keyring = await openKeyring(of);
  const there = keyring.find(ref);
  return there.state === 'here' ? there.key.export().toString('hex') : there.state;
}

const complaint = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it was taken'),
    (error: unknown) => error as Error,
  );

test('a key of a new tenant is used at once, and saved once Vault has wrapped its tenant’s', async () => {
  await using keyring = await openKeyring(settings());
  const before = vault.asked.length;
  const owned = keyring.keyOf(ada);
  expect(vault.asked.length).toBe(before);
  await keyring.saved();
  expect(vault.asked.slice(before)).toEqual(['POST transit/encrypt/conductor']);
  expect(tenants()).toContain('vault:v1:');
  expect(owned).not.toBe('destroyed');
});

test('opening asks Vault once, and what is sealed for known tenants asks nothing', async () => {
  const { ref, key } = await sealed();
  vault.asked.length = 0;
  await using keyring = await openKeyring(settings());
  expect(vault.asked).toEqual(['POST transit/decrypt/conductor']);
  expect(keyring.find(ref)).toMatchObject({ state: 'here' });
  keyring.keyOf({ ...ada, subject: 'bob' });
  await keyring.saved();
  expect(vault.asked.length).toBe(1);
  expect(key.length).toBe(64);
});

test('what another process made for a new tenant is found after a refresh', async () => {
  await using reader = await openKeyring(settings());
  const { ref } = await sealed();
  await reader.refresh();
  expect(reader.find(ref).state).toBe('here');
});

test('a key that Vault has not opened yet is an outage and no missing key', async () => {
  const reader = await openKeyring(settings());
  const { ref } = await sealed();
  vault.state = 'sealed';
  expect(() => reader.find(ref)).toThrow(NotNow);
  await expect(reader.refresh()).rejects.toThrow(NotNow);
  vault.state = 'open';
  await reader.refresh();
  expect(reader.find(ref).state).toBe('here');
  await reader[Symbol.asyncDispose]();
});

test('keys that could not be wrapped are not saved; once Vault is back they are', async () => {
  const keyring = await openKeyring(settings());
  vault.state = 'sealed';
  const owned = keyring.keyOf(ada);
  if (owned === 'destroyed') return expect.unreachable();
  await expect(keyring.saved()).rejects.toThrow('Vault is sealed');
  vault.state = 'open';
  await keyring.saved();
  await keyring[Symbol.asyncDispose]();
  expect(await found(owned.ref)).toBe(owned.key.export().toString('hex'));
});

test('rotating the root key wraps tenants’ keys by the next version; finished, the older one opens nothing', async () => {
  const { ref, key } = await sealed();
  const before = tenants();
  {
    using admin = await administerKeyring(settings());
    await admin.rotateRoot();
  }
  expect(tenants()).toContain('vault:v2:');
  expect(tenants()).not.toContain('vault:v1:');
  expect(await found(ref)).toBe(key);
  {
    using admin = await administerKeyring(settings());
    await admin.retireRoot();
  }
  expect(await found(ref)).toBe(key);
  writeFileSync(join(folder, 'keys', 'tenants.ring'), before);
  expect((await complaint(openKeyring(settings()))).message).toMatch(
    /Vault refuses decrypt: .*too old[^]*fix: +.*from one backup/,
  );
});

test('a keyring moves from a root key in a file to Vault, and opens with Vault alone', async () => {
  const rootKey = 'ab'.repeat(32);
  const { ref, key } = await sealed({ directory: join(folder, 'keys'), rootKey });
  expect((await complaint(openKeyring(settings()))).message).toMatch(
    /keyring\.rootKey yet: give it beside/,
  );
  {
    using admin = await administerKeyring(settings({}, rootKey));
    await admin.rotateRoot();
    await admin.retireRoot();
  }
  expect(tenants()).not.toContain('file:');
  expect(await found(ref)).toBe(key);
});

const refusals: readonly {
  name: string;
  given: () => Config['keyring'];
  says: RegExp;
  passing?: true;
}[] = [
  {
    name: 'nobody who answers',
    given: () => settings({ url: 'http://127.0.0.1:1' }),
    says: /Vault cannot be reached: .*ECONNREFUSED[^]*where: keyring\.kms\.vault = http:\/\/127\.0\.0\.1:1, transit key conductor[^]*fix: +.*keyring\.kms\.vault\.url/,
    passing: true,
  },
  {
    name: 'somebody who is silent',
    given: () => {
      vault.state = 'silent';
      return settings({ timeout: 0.1 });
    },
    says: /Vault cannot be reached: no answer within 100 ms/,
    passing: true,
  },
  {
    name: 'a Vault that is sealed',
    given: () => {
      vault.state = 'sealed';
      return settings();
    },
    says: /Vault is sealed[^]*fix: +start or unseal/,
    passing: true,
  },
  {
    name: 'a proxy that answers in its place',
    given: () => {
      vault.state = 'proxy';
      return settings();
    },
    says: /Vault cannot be reached: it answers with 502/,
    passing: true,
  },
  {
    name: 'a token that may not',
    given: () => settings({ token: 'hvs.marker-of-another' }),
    says: /Vault refuses encrypt: permission denied[^]*fix: +give a token whose policy allows update on transit\/encrypt\/conductor/,
  },
  {
    name: 'an engine that is not mounted there',
    given: () => settings({ mount: 'elsewhere' }),
    says: /Vault refuses encrypt: no handler[^]*fix: +mount the transit engine at elsewhere\//,
  },
  {
    name: 'a token file that is not there',
    given: () => settings({ token: undefined, tokenFile: join(folder, 'absent') }),
    says: /the token for Vault cannot be read[^]*where: keyring\.kms\.vault\.tokenFile = .*absent/,
    passing: true,
  },
];

for (const { name, given, says, passing = false } of refusals)
  test(`of ${name} an error names the setting and the fix, and no token`, async () => {
    const error = await complaint(openKeyring(given()));
    expect(error.message).toMatch(says);
    expect(error instanceof NotNow).toBe(passing);
    expect(error.message).not.toContain('hvs.');
  });

test('a token in a file is read at each request: whoever renews it is followed', async () => {
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'hvs.old\n');
  const by = settings({ token: undefined, tokenFile });
  await expect(openKeyring(by)).rejects.toThrow('permission denied');
  writeFileSync(tokenFile, `${vault.token}\n`);
  expect((await sealed(by)).key.length).toBe(64);
});

test('over TLS Vault is trusted by the authority that is named, and by no other', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${key} -out ${cert} -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost`.split(
      ' ',
    ),
    { stdio: 'ignore' },
  );
  const ca = readFileSync(cert, 'utf8');
  await using over = await vaultDouble({ key: readFileSync(key, 'utf8'), cert: ca });
  const by = { url: over.url, token: over.token };
  expect((await complaint(openKeyring(settings(by)))).message).toMatch(/SELF_SIGNED|self-signed/);
  expect((await sealed(settings({ ...by, ca }))).key.length).toBe(64);
});
