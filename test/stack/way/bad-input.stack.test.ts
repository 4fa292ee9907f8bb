import { sql } from '@databases/pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NativePart } from '../../../ops/stack/native-part.ts';
import { postgresPart } from '../../../ops/stack/postgres-part.ts';
import { type BadCase, configCases, serverCases, wrongPassword } from './bad-cases.ts';
import { contractCases, sourceCases } from './bad-sources.ts';
import { adminOf, clientOf } from './records.ts';
import { ownServer } from './own-server.ts';
import { openWay, urlOf, type Way } from './way.ts';
import type { Ended } from './worker.ts';

let way: Way;

const replicaOnly: NativePart = {
  ...postgresPart,
  async prepare(setting) {
    const launch = await postgresPart.prepare(setting);
    return { ...launch, args: [...launch.args, '-c', 'wal_level=replica'] };
  },
};

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture');
  await way.commit("INSERT INTO people VALUES (1, 7, 1, 'n', 'e', 'p', 'm', 'b')");
  await way.drain('capture', 'govern');
  await way.commit(
    "UPDATE people SET mood = 'not acknowledged yet'",
    'INSERT INTO marks VALUES (1, 7, 1)',
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** What Conductor has acknowledged: to the server, to its checkpoint, to Kafka. */
async function acknowledged() {
  await using admin = await adminOf(way.stack);
  const topics = ['people', 'lines', 'marks'].map((name) => `cdc.${way.name}.${way.name}.${name}`);
  return {
    slot: await way.source.query(
      sql`SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = ${way.name}`,
    ),
    checkpoint: await way.state.query(
      sql`SELECT lsn, updated_at::text FROM cdc_offsets WHERE stream = ${`${way.name}/${way.name}`}`,
    ),
    group: await admin.fetchOffsets({ groupId: `${way.name}.govern`, topics }),
  };
}

function expectOneScreen({ stderr, stdout, code }: Ended, wanted: number): void {
  const said = stderr.replaceAll(/^\{.*\n/gm, ''); // Without the log.
  expect(code, said).toBe(wanted);
  expect(said.split('\n').length, said).toBeLessThan(24);
  expect(said).not.toMatch(/\n\s+at /);
  const { password } = way.stack.postgres;
  for (const secret of [
    wrongPassword,
    password,
    way.stack.neo4j.password,
    way.stack.clickhouse.password,
  ])
    expect(stderr + stdout).not.toContain(secret);
  expect(stderr + stdout).not.toContain(way.config.keyring.rootKey);
  expect(stderr + stdout).not.toContain('ab'.repeat(32));
}

const table: readonly (readonly [string, readonly BadCase[]])[] = [
  ['the configuration', configCases],
  ['the servers', serverCases],
  ['the source', sourceCases],
  ['the contracts', contractCases],
];

describe.for(table)(
  'what is wrong with %s is said on one screen, and nothing acknowledged',
  ([, cases]) => {
    test.concurrent.for(cases.map((each) => [each.name, each] as const))(
      '%s',
      async ([, { run = ['capture'], given, says }]) => {
        const file = (await given(way)) ?? way.configFile;
        const before = await acknowledged();
        const ended = await way.start(['run', ...run], file).ended;
        expectOneScreen(ended, 1);
        for (const said of says) expect(ended.stderr).toMatch(said);
        expect(await acknowledged()).toEqual(before);
      },
    );
  },
);

describe('what is wrong is said on one screen', () => {
  test('a slot that another worker reads is left to it', async () => {
    await using first = way.start(['run', 'capture']);
    await first.running();
    const second = await way.start(['run', 'capture']).ended;
    expectOneScreen(second, 1);
    expect(second.stderr).toMatch(/the slot is held by another process \(server process \d+\)/);
    expect(second.stderr).toMatch(/where: replication slot w_/);
    expect(second.stderr).toMatch(/fix: .*stop the other worker/);
    await way.commit('INSERT INTO marks VALUES (2, 7, 2)');
    await first.running();
  });

  test('a source whose wal_level is not logical', async () => {
    await using server = await ownServer(replicaOnly);
    const stack = await server.start();
    const own = await way.variant(({ source }) => (source['url'] = urlOf(stack, 'postgres')));
    const ended = await way.start(['run', 'capture'], own).ended;
    expectOneScreen(ended, 1);
    expect(ended.stderr).toMatch(/wal_level is replica, and capture needs logical/);
    expect(ended.stderr).toMatch(/where: source\.url = postgres:/);
    expect(ended.stderr).toMatch(/fix: .*ALTER SYSTEM SET wal_level = logical; then restart/);
  });

  test.for([
    [['run', 'captures'], /there is no pipeline captures: say capture, govern/],
    [['run'], /missing required argument 'pipeline'/],
    [['run', 'capture', '--until'], /unknown option '--until'/],
    [['runs'], /unknown command 'runs'/],
  ] as const)('wrong usage, conductor %j, exits 2', async ([args, says]) => {
    const ended = await way.start(args).ended;
    expectOneScreen(ended, 2);
    expect(ended.stderr).toMatch(says);
  });

  test('a record with a schema id that is not registered stops govern before it', async () => {
    const producer = clientOf(way.stack).producer();
    await producer.connect();
    const value = Buffer.concat([Buffer.of(0, 0, 0x0f, 0x42, 0x3f), Buffer.from('marker-value')]);
    const topic = `cdc.${way.name}.${way.name}.marks`;
    await producer.send({ topic, messages: [{ key: 'marker-key', value, partition: 3 }] });
    await producer.disconnect();

    const before = await acknowledged();
    const ended = await way.start(['run', 'govern']).ended;
    expectOneScreen(ended, 1);
    expect(ended.stderr).toMatch(/schema 999999 is not registered at http:.*: point registry\.url/);
    expect(ended.stderr).not.toContain('marker');
    const lane = ({ group }: Awaited<ReturnType<typeof acknowledged>>) =>
      group
        .find((each) => each.topic === topic)
        ?.partitions.find(({ partition }) => partition === 3);
    expect(lane(await acknowledged())).toEqual(lane(before));
  });
});
