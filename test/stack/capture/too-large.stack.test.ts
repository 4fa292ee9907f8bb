import { afterAll, beforeAll, expect, test } from 'vitest';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { keyRefOf, open } from '../../../schemas/sealed-box.ts';
import { decodeValues } from '../../../schemas/secret.ts';
import { lettersOf } from '../way/letters.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { truthOf } from './truth.ts';

const table: TestTable = {
  name: 'wide',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE wide (id bigint PRIMARY KEY, content text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('content', 'text')],
};
const megabytes = 1024 * 1024;

let way: Way;
beforeAll(async () => {
  way = await openWay([table]);
  await way.drain('capture');
});
afterAll(() => way?.[Symbol.asyncDispose]());

/** Text that does not become short by compression. */
const noise = (size: number, seed: number) =>
  `(SELECT string_agg(md5((n * ${seed})::text), '') FROM generate_series(1, ${size / 32}) AS n)`;

test('a row too large for its topic becomes one sealed letter in chunks, and what is beside it goes on', async () => {
  await way.commit(
    "INSERT INTO wide VALUES (1, 'before')",
    `INSERT INTO wide VALUES (2, ${noise(13 * megabytes, 7)})`,
    `INSERT INTO wide VALUES (3, ${noise(4 * megabytes, 11)})`,
    "INSERT INTO wide VALUES (4, 'after')",
  );
  await way.drain('capture');

  const chunks = await lettersOf(way, 'capture', way.name);
  expect(chunks.map(({ letter }) => letter['reason'])).toEqual(chunks.map(() => 'too-large'));
  expect(chunks.length).toBeGreaterThan(2);
  expect(new Set(chunks.map(({ letter }) => letter['id'])).size).toBe(1);
  expect(chunks.map(({ letter }) => [letter['chunk'], letter['chunks']])).toEqual(
    chunks.map((_, chunk) => [chunk, chunks.length]),
  );
  const sealed = Buffer.concat(chunks.map(({ letter }) => letter['sealed'] as Buffer));
  await using keyring = await openKeyring(way.config.keyring);
  const found = keyring.find(keyRefOf(sealed)!);
  const key = found.state === 'here' ? found.key : expect.fail('the letter names no key of ours');
  const change = decodeValues(open(key, sealed).toString()) as {
    readonly after: { readonly id: bigint; readonly content: string };
  };
  expect(change.after.id).toBe(2n);
  expect(change.after.content.length).toBe(13 * megabytes);

  await way.commit('DELETE FROM wide WHERE id = 2');
  await way.drain('capture');
  expect((await truthOf(way)).faults).toEqual([]);
});
