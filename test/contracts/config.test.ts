import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { apiSettings, tokenSettings } from '../../contracts/api-settings.ts';
import { ConfigError, loadConfig, settings } from '../../contracts/config.ts';

const rootKey = 'ab'.repeat(32);
const secret = 'hunter2-MARKER';

/** The smallest configuration there can be. */
const least = {
  database: 'shop',
  source: { url: 'postgres://app:pw@localhost:5432/shop' },
  state: { url: 'postgres://app:pw@localhost:5432/conductor' },
  kafka: { brokers: ['localhost:9092'] },
  registry: { url: 'http://localhost:8080/apis/ccompat/v7' },
  keyring: { directory: 'keys', rootKey },
};

const folder = mkdtempSync(join(tmpdir(), 'config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function load(config: object | string, env: NodeJS.ProcessEnv = {}) {
  const path = join(folder, 'conductor.yaml');
  writeFileSync(path, typeof config === 'string' ? config : stringify(config));
  return loadConfig(path, env);
}

async function complaint(config: object | string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    await load(config, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return expect.unreachable('the configuration was taken');
}

test('the smallest configuration is taken, and everything else has a default', async () => {
  expect(await load(least)).toEqual({
    ...least,
    source: {
      ...least.source,
      slot: 'ig_slot',
      publication: 'conductor',
      binary: 'auto',
      twoPhase: false,
      origin: 'any',
      failover: true,
      snapshot: 'initial',
      compareRows: 1_000_000,
      heartbeat: 10,
      lingerMs: 5,
      recover: 'stop',
      onIncompatible: 'letters',
    },
    kafka: { ...least.kafka, partitions: 12, replication: 1, requestTimeout: 30, tls: false },
    contracts: join(folder, 'contracts/tables'),
    policy: { topic: 'control.policies' },
    govern: { roles: ['high-clearance'], purpose: 'operations' },
    api: apiSettings.parse(undefined),
    tokens: { ...tokenSettings.parse(undefined), directory: join(folder, 'token-keys') },
    keyring: { directory: join(folder, 'keys'), rootKey },
    sinks: {},
    letters: { mostLetters: 1_000_000, mostBytes: 10 * 1024 * 1024 * 1024, hold: [] },
    verify: { everySeconds: 300 },
    worker: {
      host: '127.0.0.1',
      port: 0,
      inFlightValues: 10_000,
      inFlightBytes: 12 * 1024 * 1024,
      spillDirectory: join(folder, 'spill'),
      niceness: 10,
    },
  });
});

test('paths are relative to the folder of the file; an absolute one stays', async () => {
  const { contracts, keyring } = await load({
    ...least,
    contracts: '/etc/contracts',
    keyring: { directory: '../keys', rootKey },
  });
  expect([contracts, keyring.directory]).toEqual(['/etc/contracts', join(folder, '../keys')]);
});

const wrong = [
  {
    name: 'a key that is no setting',
    config: { ...least, sorce: {} },
    says: ['sorce: is not a setting', 'conductor.example.yaml'],
  },
  {
    name: 'a key that is no setting, deeper',
    config: { ...least, kafka: { ...least.kafka, broker: 'x' } },
    says: ['kafka.broker: is not a setting'],
  },
  {
    name: 'a section that is missing',
    config: { ...least, source: undefined },
    says: ['source: is missing', 'CONDUCTOR_SOURCE_URL'],
  },
  {
    name: 'a setting that is missing',
    config: { ...least, keyring: { rootKey } },
    says: ['keyring.directory: is missing; expected string', 'CONDUCTOR_KEYRING_DIRECTORY'],
  },
  {
    name: 'a URL of another protocol',
    config: { ...least, source: { url: `mysql://app:${secret}@db/shop` } },
    says: ['source.url: expected a PostgreSQL URL, postgres://user:password@host:5432/name'],
  },
  {
    name: 'what is no URL',
    config: { ...least, registry: { url: secret } },
    says: ['registry.url: expected an HTTP URL, http://host:8123'],
  },
  {
    name: 'a broker without a port',
    config: { ...least, kafka: { brokers: ['localhost'] } },
    says: [
      'kafka.brokers.0: expected host:port, for example localhost:9092',
      'CONDUCTOR_KAFKA_BROKERS)',
    ],
  },
  {
    name: 'no broker at all',
    config: { ...least, kafka: { brokers: [] } },
    says: ['kafka.brokers: '],
  },
  {
    name: 'a number that is too great',
    config: { ...least, worker: { port: 70_000 } },
    says: ['worker.port: expected number to be <=65535'],
  },
  {
    name: 'a number in quotes',
    config: { ...least, kafka: { ...least.kafka, partitions: '12' } },
    says: ['kafka.partitions: expected number, received string'],
  },
  {
    name: 'a name with capitals',
    config: { ...least, source: { ...least.source, slot: 'My-Slot' } },
    says: ['source.slot: expected lower-case letters, digits and _, for example ig_slot'],
  },
  {
    name: 'a root key that is too short',
    config: { ...least, keyring: { directory: 'k', rootKey: secret } },
    says: ['keyring.rootKey: expected 64 hex digits', 'openssl rand -hex 32'],
  },
  {
    name: 'a mechanism that is not known',
    config: {
      ...least,
      kafka: { ...least.kafka, sasl: { mechanism: 'OAUTH', username: 'u', password: secret } },
    },
    says: ['kafka.sasl.mechanism: ', '"PLAIN"|"SCRAM-SHA-256"|"SCRAM-SHA-512"'],
  },
  {
    name: 'secrets that the environment does not have: all of them at once',
    config: {
      ...least,
      state: { url: { env: 'NOT_THERE_EITHER' } },
      keyring: { directory: 'k', rootKey: { env: 'NOT_THERE' } },
    },
    says: [
      'state.url: the environment has no NOT_THERE_EITHER',
      'keyring.rootKey: the environment has no NOT_THERE',
    ],
  },
  {
    name: 'a secret from a file that is not there',
    config: { ...least, keyring: { directory: 'k', rootKey: { file: 'no/such' } } },
    says: ['keyring.rootKey: the file no/such cannot be read'],
  },
  { name: 'an empty file', config: '', says: ['database: is missing', 'source: is missing'] },
  { name: 'a list', config: '- 1\n', says: ['database: is missing'] },
  { name: 'what is not YAML', config: `a: "${secret}\n`, says: ['is not YAML', 'line '] },
  {
    name: 'a password that YAML reads as an alias',
    config: `a: *${secret}\n`,
    says: ['is not YAML'],
  },
  {
    name: 'a key that is there twice',
    config: `a: ${secret}\na: 2\n`,
    says: ['is not YAML', 'line 2'],
  },
] as const;

for (const { name, config, says } of wrong)
  test(`${name}: the error names the file, the key and what to do, and no secret`, async () => {
    const message = await complaint(config);
    expect(message).toContain(join(folder, 'conductor.yaml'));
    for (const part of says) expect(message).toContain(part);
    expect(message).not.toContain(secret);
    expect(message).not.toContain('undefined');
    expect(message.split('\n').length).toBeLessThan(25);
  });

test('all that is wrong is said at once', async () => {
  const message = await complaint({ ...least, database: 'A B', worker: { port: -1 } });
  expect(message).toContain('database: ');
  expect(message).toContain('worker.port: ');
});

test('a variable that the error names is one that can be set', async () => {
  const known = settings().map(
    (keys) => `CONDUCTOR_${keys.join('_').replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`,
  );
  for (const config of [{}, { kafka: { brokers: ['x'] } }, { kafka: {}, sinks: { neo4j: {} } }]) {
    const named = (await complaint(config)).matchAll(/CONDUCTOR_\w+/g);
    for (const [variable] of named) expect(known).toContain(variable);
  }
});

test('a file that is not there is said with what to do', async () => {
  await expect(loadConfig('/no/such.yaml', {})).rejects.toThrow(
    /^there is no configuration at \/no\/such\.yaml: copy conductor\.example\.yaml there, or .*--config/,
  );
});

test('secrets come from the environment and from files beside the configuration', async () => {
  writeFileSync(join(folder, 'root.key'), `${rootKey}\n`);
  const { source, keyring } = await load(
    {
      ...least,
      source: { url: { env: 'PG' } },
      keyring: { directory: 'keys', rootKey: { file: 'root.key' } },
    },
    { PG: 'postgres://a:b@c/d' },
  );
  expect(source.url).toBe('postgres://a:b@c/d');
  expect(keyring.rootKey).toBe(rootKey);
});

test('the environment overrides every kind of setting, and makes sections that are not there', async () => {
  const config = await load(least, {
    CONDUCTOR_SOURCE_URL: 'postgresql://x:y@z/w',
    CONDUCTOR_KAFKA_BROKERS: 'a:1, b:2',
    CONDUCTOR_KAFKA_PARTITIONS: '3',
    CONDUCTOR_KAFKA_TLS: 'true',
    CONDUCTOR_WORKER_IN_FLIGHT_VALUES: '7',
    CONDUCTOR_SINKS_POSTGRES_URL: 'postgres://m:n@o/p',
  });
  expect(config.source.url).toBe('postgresql://x:y@z/w');
  expect(config.kafka).toMatchObject({ brokers: ['a:1', 'b:2'], partitions: 3, tls: true });
  expect(config.worker.inFlightValues).toBe(7);
  expect(config.sinks.postgres?.url).toBe('postgres://m:n@o/p');
});

for (const word of ['true', 'false', '007', '123', ''])
  test(`a setting that is text stays text, though the environment gives ${JSON.stringify(word)}`, async () => {
    const { sinks, kafka } = await load(least, {
      CONDUCTOR_SINKS_CLICKHOUSE_URL: 'http://localhost:8123',
      CONDUCTOR_SINKS_CLICKHOUSE_PASSWORD: word,
      CONDUCTOR_KAFKA_SASL_MECHANISM: 'PLAIN',
      CONDUCTOR_KAFKA_SASL_USERNAME: `${word}1`,
      CONDUCTOR_KAFKA_SASL_PASSWORD: word || 'x',
    });
    expect(sinks.clickhouse?.password).toBe(word);
    expect(kafka.sasl).toEqual({ mechanism: 'PLAIN', username: `${word}1`, password: word || 'x' });
  });

test('a wrong value from the environment is said with its key, and not repeated', async () => {
  const message = await complaint(least, { CONDUCTOR_SOURCE_URL: `http://${secret}` });
  expect(message).toContain('source.url: expected a PostgreSQL URL');
  expect(message).not.toContain(secret);
});

test('every setting says what it means, or its section does', () => {
  expect(settings().map((keys) => keys.join('.'))).toContain('sinks.neo4j.password');
  expect(settings().length).toBeGreaterThan(20);
});

test.for([
  ['auto', 'auto'],
  ['true', true],
  ['false', false],
] as const)('a setting of several kinds takes %j from the environment', async ([given, binary]) => {
  const { source } = await load(least, {
    CONDUCTOR_SOURCE_BINARY: given,
    CONDUCTOR_SOURCE_PROTOCOL: '2',
    CONDUCTOR_SOURCE_HEARTBEAT: '0.5',
  });
  expect(source).toMatchObject({ binary, protocol: 2, heartbeat: 0.5 });
});

test.for([
  [{ protocol: 5 }, 'source.protocol: expected one of 1|2|3|4'],
  [{ binary: 'maybe' }, 'source.binary: '],
  [{ recover: 'guess' }, '"stop"|"resnapshot"|"repair"'],
  [{ heartbeat: -1 }, 'source.heartbeat: expected number to be >=0'],
  [{ url: 'postgres://a:b@c/d?sslmode=prefer' }, 'sslmode to be disable, require, verify-ca'],
] as const)('%j is refused', async ([change, says]) => {
  const message = await complaint({ ...least, source: { ...least.source, ...change } });
  expect(message).toContain(says);
});
