import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawConfig, Way } from './way.ts';

/** Something wrong that a worker is started with, and what it must say. */
export interface BadCase {
  readonly name: string;
  readonly run?: readonly string[];
  /** Sets it up; gives the configuration to start with, if it is another. */
  readonly given: (way: Way) => Promise<string | void>;
  readonly says: readonly RegExp[]; // What is wrong, where, and how to mend it.
}

export const wrongPassword = 'marker-wrong-password';
const nowhere = '127.0.0.1:1';

const changed = (change: (raw: RawConfig) => void) => (way: Way) => way.variant(change);
const elsewhere = (url: unknown) => String(url).replace(/127\.0\.0\.1:\d+/, nowhere);
const misled = (url: unknown) => String(url).replace(/:[^:@]+@/, `:${wrongPassword}@`);

export const configCases: readonly BadCase[] = [
  {
    name: 'a setting that there is not',
    given: changed(({ source }) => (source['slots'] = 'x')),
    says: [/variant-\d+\.yaml cannot be used/, /source\.slots: is not a setting/],
  },
  {
    name: 'a setting of the wrong kind',
    given: changed(({ kafka }) => (kafka['partitions'] = 'many')),
    says: [/kafka\.partitions: expected number/, /CONDUCTOR_KAFKA_PARTITIONS/],
  },
  {
    name: 'a setting that is left out',
    given: changed(({ source }) => delete source['url']),
    says: [/source\.url: expected a PostgreSQL URL, postgres:\/\/user:password@host:5432\/name/],
  },
  {
    name: 'no configuration file',
    given: (way) => Promise.resolve(join(way.folder, 'absent.yaml')),
    says: [/there is no configuration at .*absent\.yaml/, /--config FILE/],
  },
  {
    name: 'a configuration that is no YAML',
    given: async (way) => {
      const path = join(way.folder, 'torn.yaml');
      await writeFile(path, 'source: { url: [');
      return path;
    },
    says: [/torn\.yaml is not YAML/],
  },
  {
    name: 'a secret that the environment does not have',
    given: changed(({ source }) => (source['url'] = { env: 'NOT_THERE' })),
    says: [/source\.url: the environment has no NOT_THERE/],
  },
  {
    name: 'a sink that is not configured',
    run: ['deliver-neo4j'],
    given: changed(({ sinks }) => delete (sinks as Partial<RawConfig['sinks']>).neo4j),
    says: [/no neo4j is configured/, /where: sinks\.neo4j/, /fix: /],
  },
];

const postgresSays = (setting: string) => [
  /PostgreSQL cannot be reached \(ECONNREFUSED\)/,
  new RegExp(`where: ${setting} = postgres:.*:1/`),
  /fix: .*start the server/,
];
const loginSays = (setting: string) => [
  /PostgreSQL refused the login/,
  new RegExp(`where: ${setting} = postgres:`),
  /fix: .*user and password/,
];

export const serverCases: readonly BadCase[] = [
  {
    name: 'a source that does not answer',
    given: changed(({ source }) => (source['url'] = elsewhere(source['url']))),
    says: postgresSays('source.url'),
  },
  {
    name: 'a state database that does not answer',
    given: changed(({ state }) => (state['url'] = elsewhere(state['url']))),
    says: postgresSays('state.url'),
  },
  {
    name: 'brokers that do not answer',
    given: changed(({ kafka }) => (kafka['brokers'] = [nowhere])),
    says: [
      /Kafka cannot be used/,
      /where: kafka\.brokers = 127\.0\.0\.1:1/,
      /fix: .*start the brokers/,
    ],
  },
  {
    name: 'a registry that does not answer',
    given: changed(({ registry }) => (registry['url'] = elsewhere(registry['url']))),
    says: [/schema/, /where: registry\.url = http:\/\/127\.0\.0\.1:1/, /fix: .*start the registry/],
  },
  {
    name: 'a mirror that does not answer',
    run: ['deliver-postgres'],
    given: changed(({ sinks: { postgres } }) => (postgres['url'] = elsewhere(postgres['url']))),
    says: [/cannot open the Postgres mirror .* at 127\.0\.0\.1:1 /, /ECONNREFUSED/, /fix: .*start/],
  },
  {
    name: 'a graph that does not answer',
    run: ['deliver-neo4j'],
    given: changed(({ sinks: { neo4j } }) => (neo4j['url'] = elsewhere(neo4j['url']))),
    says: [/cannot open the Neo4j graph .*bolt:\/\/127\.0\.0\.1:1/, /ECONNREFUSED/, /fix: .*start/],
  },
  {
    name: 'a warehouse that does not answer',
    run: ['deliver-clickhouse'],
    given: changed(
      ({ sinks: { clickhouse } }) => (clickhouse['url'] = elsewhere(clickhouse['url'])),
    ),
    says: [/cannot open the ClickHouse warehouse .*127\.0\.0\.1:1/, /ECONNREFUSED/, /fix: .*start/],
  },
  {
    name: 'a wrong password of the source',
    given: changed(({ source }) => (source['url'] = misled(source['url']))),
    says: loginSays('source.url'),
  },
  {
    name: 'a wrong password of the state database',
    given: changed(({ state }) => (state['url'] = misled(state['url']))),
    says: loginSays('state.url'),
  },
  {
    name: 'a wrong password of the mirror',
    run: ['deliver-postgres'],
    given: changed(({ sinks: { postgres } }) => (postgres['url'] = misled(postgres['url']))),
    says: [/cannot open the Postgres mirror/, /password/, /fix: .*password/],
  },
  {
    name: 'a wrong password of the graph',
    run: ['deliver-neo4j'],
    given: changed(({ sinks: { neo4j } }) => (neo4j['password'] = wrongPassword)),
    says: [/cannot open the Neo4j graph/, /unauthorized/i, /fix: .*user and password/],
  },
  {
    name: 'a wrong password of the warehouse',
    run: ['deliver-clickhouse'],
    given: changed(({ sinks: { clickhouse } }) => (clickhouse['password'] = wrongPassword)),
    says: [/cannot open the ClickHouse warehouse/, /password/i, /fix: .*password/],
  },
  {
    name: 'a database that does not exist',
    given: changed(({ source }) => (source['url'] = `${String(source['url'])}_absent`)),
    says: [/the database does not exist/, /where: source\.url = .*_absent/, /fix: .*create it/],
  },
  {
    name: 'topics with another number of partitions',
    given: changed(({ kafka }) => (kafka['partitions'] = 6)),
    says: [/topic cdc\.\S+ has 12 partitions, not 6/, /where: kafka\.partitions/, /fix: .*to 12/],
  },
  {
    name: 'a root key that is not that of the keyring',
    given: changed((raw) => (raw['keyring'] = { directory: 'keyring', rootKey: 'ab'.repeat(32) })),
    says: [/the root key does not open .*keyring/, /keyring\.rootKey/],
  },
  {
    name: 'a KMS that does not answer',
    given: changed((raw) => {
      const vault = { url: `http://${nowhere}`, key: 'conductor', token: wrongPassword };
      raw['keyring'] = { directory: 'keyring-of-kms', kms: { vault } };
    }),
    says: [
      /Vault cannot be reached: .*ECONNREFUSED/,
      /where: keyring\.kms\.vault = http:\/\/127\.0\.0\.1:1/,
      /fix: .*start or unseal Vault/,
    ],
  },
];
