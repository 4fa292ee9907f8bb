import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { stringify } from 'yaml';
import { openDatabase } from '../../../ops/demo/database.ts';
import { type RawConfig, urlOf, type Way } from './way.ts';

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
];

async function roleOf(way: Way, suffix: string, options: string): Promise<string> {
  const role = `${way.name}_${suffix}`;
  const db = openDatabase(urlOf(way.stack, 'postgres'));
  await db.query(
    sql`CREATE ROLE ${sql.ident(role)} LOGIN PASSWORD ${sql.__dangerous__rawValue(`'${wrongPassword}'`)} ${sql.__dangerous__rawValue(options)}`,
  );
  await db.dispose();
  return way.urls.source.replace(/\/\/[^@]+@/, `//${role}:${wrongPassword}@`);
}

/** A slot of another name, and a checkpoint of it that says it is a little further than nothing. */
async function slotOf(way: Way, suffix: string, { slot = true, checkpoint = true }) {
  const name = `${way.name}_${suffix}`;
  if (slot)
    await way.source.query(sql`SELECT pg_create_logical_replication_slot(${name}, 'pgoutput')`);
  if (checkpoint)
    await way.state.query(sql`
      INSERT INTO cdc_offsets (stream, lsn, system, timeline, watermark)
      SELECT ${`${way.name}/${name}`}, lsn, system, timeline, watermark
      FROM cdc_offsets WHERE stream = ${`${way.name}/${way.name}`}`);
  return way.variant(({ source }) => (source['slot'] = name));
}

export const sourceCases: readonly BadCase[] = [
  {
    name: 'a role that may not replicate',
    given: async (way) => {
      const url = await roleOf(way, 'plain', '');
      return way.variant(({ source }) => (source['url'] = url));
    },
    says: [
      /role w_\w+_plain may not replicate/,
      /where: source\.url/,
      /fix: .*ALTER ROLE "w_\w+_plain" REPLICATION/,
    ],
  },
  {
    name: 'a role that may not publish',
    given: async (way) => {
      const url = await roleOf(way, 'repl', 'REPLICATION');
      return way.variant(({ source }) =>
        Object.assign(source, { url, publication: `${way.name}_none` }),
      );
    },
    says: [
      /may not publish w_\w+\.lines/,
      /where: publication/,
      /fix: .*CREATE PUBLICATION \w+ FOR TABLE/,
    ],
  },
  {
    name: 'a slot without a checkpoint',
    given: (way) => slotOf(way, 'bare', { checkpoint: false }),
    says: [
      /no checkpoint says that it is ours/,
      /where: replication slot \w+_bare/,
      /pg_drop_replication_slot/,
    ],
  },
  {
    name: 'a checkpoint without its slot',
    given: (way) => slotOf(way, 'gone', { slot: false }),
    says: [/the slot is gone/, /where: replication slot \w+_gone/, /fix: .*copy the tables anew/],
  },
  {
    name: 'a slot that something else has advanced',
    given: async (way) => {
      const file = await slotOf(way, 'moved', {});
      await way.source.query(
        sql`SELECT pg_replication_slot_advance(${`${way.name}_moved`}, pg_current_wal_lsn())`,
      );
      return file;
    },
    says: [
      /the slot was advanced to \S+ by something else/,
      /where: replication slot \w+_moved/,
      /fix: /,
    ],
  },
  {
    name: 'a published table without a contract',
    given: async (way) => {
      await way.commit('CREATE TABLE stray (id int PRIMARY KEY)');
      await way.commit(`CREATE PUBLICATION ${way.name}_stray FOR TABLE stray, marks`);
      return way.variant(({ source }) => (source['publication'] = `${way.name}_stray`));
    },
    says: [
      /published without a contract: \w+\.stray/,
      /where: publication/,
      /fix: .*DROP TABLE \w+\.stray/,
    ],
  },
];

/** A configuration whose contract of a table was changed. */
const promised = (table: string, change: (text: string) => string) => async (way: Way) => {
  const folder = await mkdtemp(join(way.folder, 'contracts-'));
  await cp(join(way.folder, 'contracts'), folder, { recursive: true });
  const path = join(folder, `${table}.yaml`);
  await writeFile(path, change(await readFile(path, 'utf8')));
  return way.variant((raw) => (raw['contracts'] = folder));
};

const column = { name: 'absent', physicalType: 'text', classification: 'internal' };

export const contractCases: readonly BadCase[] = [
  {
    name: 'a contract of a table that there is not',
    given: promised('marks', (text) => text.replace(/(physicalName: \w+)\.marks/, '$1.nothing')),
    says: [/the table is not in the source database/, /where: contract of \w+\.nothing/, /fix: /],
  },
  {
    name: 'a contract of a column that there is not',
    given: promised('marks', (text) => text + stringify([column]).replace(/^/gm, '      ')),
    says: [/the table has no column absent/, /where: contract of \w+\.marks/, /fix: /],
  },
  {
    name: 'a contract with another type than the column has',
    given: promised('marks', (text) => text.replace('physicalType: integer', 'physicalType: text')),
    says: [
      /column n is integer, not text/,
      /contract of \w+\.marks/,
      /fix: .*physicalType: integer/,
    ],
  },
  {
    name: 'a contract with another key than the table has',
    given: promised('lines', (text) =>
      text.replace(/ +primaryKey: true\n +primaryKeyPosition: 2\n/, ''),
    ),
    says: [
      /the primary key is \(person_id, no\), not \(person_id\)/,
      /contract of \w+\.lines/,
      /fix: /,
    ],
  },
  {
    name: 'a confidential column that is to be kept',
    given: promised('people', (text) => text.replace('value: mask', 'value: keep')),
    says: [
      /people\.yaml: \w+\.people, column name: is confidential, and its rule is keep/,
      /use mask/,
    ],
  },
  {
    name: 'a folder without contracts',
    given: async (way) => {
      const folder = await mkdtemp(join(way.folder, 'empty-'));
      return way.variant((raw) => (raw['contracts'] = folder));
    },
    says: [/contracts refused/, /no \*\.yaml in it; write one contract per table/],
  },
];
