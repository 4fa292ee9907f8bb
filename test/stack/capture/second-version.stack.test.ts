import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesTopic, rowLimitBytes } from '../../../contracts/topics.ts';
import { items, people } from '../backfill/tables.ts';
import { decoded, lettersOf } from '../way/letters.ts';
import { adminOf, readAll } from '../way/records.ts';
import { contractOf } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const patience = { timeout: 30_000, interval: 50 };
let way: Way;
let configFile: string;
let first: string;
let second: string;

beforeAll(async () => {
  way = await openWay([items, people]);
  configFile = await way.variant(({ source }) => (source['onIncompatible'] = 'v2'));
  first = changesTopic(way.name, `${way.name}.items`);
  second = `${first}.v2`;
  await capture("INSERT INTO items VALUES (1, 1, 1, 'a', 'b')");
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** Commits, and captures it with a worker that is started for that. */
async function capture(...statements: readonly string[]): Promise<void> {
  await way.commit(...statements);
  const worker = way.start(['run', 'capture', '--until-current'], configFile);
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(0);
}

async function changesIn(topic: string) {
  const records = await readAll(way.stack, [topic]);
  const changes = await Promise.all(records.map((record) => decoded(way, record)));
  return changes.map((change, index) => ({
    id: Number((change['key'] as { readonly id: bigint }).id),
    n: (change['after'] as { readonly n: unknown }).n,
    bytes: records[index]?.value?.length ?? 0,
  }));
}

const idsIn = async (topic: string) =>
  (await changesIn(topic)).map(({ id }) => id).toSorted((a, b) => a - b);

const tooLarge = async () =>
  (await lettersOf(way, 'capture', way.name)).filter(({ letter }) => letter['chunk'] === 0);

test('a table whose readers could not follow goes on in a topic of its own, and the others where they were', async () => {
  await using worker = way.start(['run', 'capture'], configFile);
  await worker.running();
  await way.commit(
    "ALTER TABLE items ALTER n TYPE text USING 'n' || n",
    "INSERT INTO items VALUES (2, 1, 'two', 'a', 'b')",
    `INSERT INTO "Pe""ople s" VALUES (7, 1, 1, 'a', 'b')`,
  );
  await vi.waitFor(() => expect(worker.stderr).toContain(`it goes on in ${second}`), patience);
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  expect(await changesIn(second)).toMatchObject([{ id: 2, n: 'two' }]);
  expect(await idsIn(first)).toEqual([1]);
  expect(await idsIn(changesTopic(way.name, `${way.name}.Pe"ople s`))).toEqual([7]);
  expect(await lettersOf(way, 'capture', way.name)).toEqual([]);
});

test('who is started again, with a contract that knows the new type, goes on there, too', async () => {
  const columns = items.columns.map((column) =>
    column.name === 'n' ? { ...column, physicalType: 'text' } : column,
  );
  const contract = contractOf(way.name, { ...items, columns });
  await writeFile(
    join(way.folder, 'contracts', 'items.yaml'),
    contract.replace('version: 1.0.0', 'version: 2.0.0'), // It breaks, and says so.
  );
  await capture(
    "INSERT INTO items VALUES (3, 1, 'three', 'a', 'b')",
    `INSERT INTO "Pe""ople s" VALUES (8, 1, 1, 'a', 'b')`,
  );
  expect(await idsIn(second)).toEqual([2, 3]);
  expect(await idsIn(first)).toEqual([1]);
  expect(await idsIn(changesTopic(way.name, `${way.name}.Pe"ople s`))).toEqual([7, 8]);
});

test('a row that only just does not fit is a dead letter, by the limit that its owner has set if there is one', async () => {
  const changes = await changesIn(second);
  const besides = (changes.find(({ id }) => id === 3)?.bytes ?? 0) - 1;
  const body = rowLimitBytes - besides - 10; // Its length takes some bytes more, and so does its place.
  await capture(
    `INSERT INTO items VALUES (4, 1, 'four', 'a', repeat('x', ${body}))`,
    "INSERT INTO items VALUES (5, 1, 'five', 'a', 'b')",
  );
  expect(await idsIn(second)).toEqual([2, 3, 5]);
  expect(await tooLarge()).toHaveLength(1);

  {
    await using admin = await adminOf(way.stack);
    const configEntries = [{ name: 'max.message.bytes', value: `${1024 * 1024}` }];
    const { TOPIC: type } = kafkajs.ConfigResourceTypes;
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type, name: second, configEntries }],
    });
  }
  const noise = `(SELECT string_agg(md5(n::text), '') FROM generate_series(1, ${64 * 1024}) n)`;
  await capture(
    `INSERT INTO items VALUES (6, 1, 'six', 'a', ${noise})`,
    "INSERT INTO items VALUES (9, 1, 'nine', 'a', 'b')",
  );
  expect(await idsIn(second)).toEqual([2, 3, 5, 9]);
  expect(await tooLarge()).toHaveLength(2);
});
