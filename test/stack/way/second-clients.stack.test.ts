import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decoded } from './letters.ts';
import { adminOf, type ReadRecord, readAll } from './records.ts';
import { openWay, type Way } from './way.ts';

const hasKcat = spawnSync('kcat', ['-V']).error === undefined;
const text = 'Größe 🦊';
let way: Way;
let records: readonly ReadRecord[];
let said = '';
let marker: string; // In every confidential value.

const topicOf = (stage: 'cdc' | 'gov', table: string) =>
  `${stage}.${way.name}.${way.name}.${table}`;
const of = (table: string) => records.filter(({ topic }) => topic === topicOf('cdc', table));

beforeAll(async () => {
  way = await openWay();
  marker = `secret-${way.name}`;
  const secrets = ['name', 'email', 'phone'].map((column) => `'${marker}-${column}'`).join(', ');
  await way.drain('capture');
  await way.commit(
    `INSERT INTO people VALUES (1, 7, 1, ${secrets}, '${text}', NULL)`,
    `INSERT INTO people VALUES (2, NULL, NULL, ${secrets}, '', NULL)`,
    "INSERT INTO lines VALUES (1, 1, 7, 1.10, '2024-02-29 12:00+02', repeat('long', 5000))",
    'INSERT INTO marks SELECT n, 7, n FROM generate_series(1, 300) AS n',
  );
  await way.commit('UPDATE lines SET amount = 2.20'); // Does not send the note.
  await way.commit(`UPDATE people SET mood = 'open', email = '${marker}-other' WHERE id = 1`);
  await way.commit('DELETE FROM people WHERE id = 1', 'DELETE FROM marks WHERE id = 300');
  for (const pipeline of ['capture', 'govern', 'deliver']) {
    const { code, stdout, stderr } = await way.start(['run', pipeline, '--until-current']).ended;
    expect(code, stderr).toBe(0);
    said += stdout + stderr;
  }
  records = await readAll(
    way.stack,
    ['people', 'lines', 'marks'].map((table) => topicOf('cdc', table)),
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

test('kafkajs reads what capture wrote: keys, lz4, and Avro by the registry’s own API', async () => {
  expect(records.length).toBe(3 + 2 + 301);
  const [first, update, removal] = of('people');
  expect(first?.key?.toString()).toBe('{"id":1}');
  expect(of('lines')[0]?.key?.toString()).toBe('{"person_id":1,"no":1}');
  const told = await Promise.all(of('people').map((record) => decoded(way, record)));
  expect(told.map(({ op }) => op)).toEqual(['insert', 'update', 'delete']);
  const lsns = told.map(({ lsn }) => Number(lsn));
  expect(lsns).toEqual(lsns.toSorted((one, other) => one - other));
  expect([first, update, removal].map((record) => record?.headers)).toEqual([{}, {}, {}]);

  const change = await decoded(way, first!);
  expect(change).toMatchObject({
    op: 'insert',
    log: way.name,
    key: { id: 1 },
    before: null,
    after: { id: 1, tenant_id: 7, owner_id: 1, mood: text, bio: null },
  });
  const line = await decoded(way, of('lines')[0]!);
  expect(line['after']).toMatchObject({
    amount: Buffer.of(110), // Avro’s decimal, of two places,
    at: Date.UTC(2024, 1, 29, 10) * 1_000, // and its microseconds.
  });
});

test('confidential columns are in no image, and the row is sealed', async () => {
  for (const record of of('people')) {
    const { before, after, sealed } = await decoded(way, record);
    for (const image of [before, after])
      if (image !== null)
        expect(Object.keys(image as object)).toEqual([
          'id',
          'tenant_id',
          'owner_id',
          'mood',
          'bio',
        ]);
    expect(sealed).toBeInstanceOf(Buffer);
  }
  for (const record of of('marks').slice(0, 3))
    expect((await decoded(way, record))['sealed']).toBe(null);
});

test('a TOAST value that was not sent is an Unchanged record, neither null nor a value', async () => {
  const after = async (at: number) =>
    (await decoded(way, of('lines')[at]!))['after'] as { readonly note: object | string };
  expect((await after(0)).note).toBe('long'.repeat(5_000));
  expect((await after(1)).note.constructor.name).toBe('Unchanged');
  expect(await after(1)).toMatchObject({ amount: Buffer.of(0, 220), note: {} });
});

test('a key is in the partition that Kafka’s own partitioner chooses for it', () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
  }));
  for (const { topic, key, partition } of records)
    expect([String(key), partition]).toEqual([
      String(key),
      choose({ topic, partitionMetadata, message: { key, value: null } }),
    ]);
  expect(new Set(of('marks').map(({ partition }) => partition)).size).toBe(12);
});

test('no byte of any topic and no log holds a confidential value', async () => {
  await using admin = await adminOf(way.stack);
  const topics = (await admin.listTopics()).filter(
    (topic) => topic.split('.')[1] === way.name || topic.startsWith('dlq.'),
  );
  expect(topics).toEqual(
    expect.arrayContaining([topicOf('cdc', 'people'), topicOf('gov', 'people'), 'dlq.capture']),
  );
  const all = await readAll(way.stack, topics);
  const letters = all.filter(
    ({ topic, value }) => topic === 'dlq.capture' && value?.includes(way.name),
  );
  expect(letters.length).toBe(1); // Of the person without an owner.
  for (const { key, value, headers } of all) {
    const bytes = [key, value, JSON.stringify(headers)].map((part) => part?.toString('latin1'));
    expect(bytes.join()).not.toContain(marker);
  }
  expect(said).toContain('"msg":"done"');
  expect(said).not.toContain(marker);
});

test.skipIf(!hasKcat)(
  hasKcat
    ? 'kcat reads the same keys, headers and bytes'
    : 'kcat reads the same keys, headers and bytes (skipped: there is no kcat on this machine)',
  async () => {
    const brokers = way.stack.kafka.brokers.join(',');
    const format = '%p\\t%o\\t%k\\t%h\\t%S\\n';
    const { stdout } = await promisify(execFile)('kcat', [
      '-C',
      '-eq',
      '-b',
      brokers,
      '-t',
      topicOf('cdc', 'people'),
      '-f',
      format,
    ]);
    const wanted = of('people').map(({ partition, offset, key, headers, value }) => {
      const pairs = Object.entries(headers).map(([name, value_]) => `${name}=${value_}`);
      return [partition, offset, key, pairs.join(','), value?.length].map(String).join('\t');
    });
    expect(stdout.trimEnd().split('\n').toSorted()).toEqual(wanted.toSorted());
  },
);
