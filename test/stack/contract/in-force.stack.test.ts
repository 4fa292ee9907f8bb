import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let people: string;

beforeAll(async () => {
  way = await openWay();
  people = join(way.folder, 'contracts', 'people.yaml');
  await way.commit(`INSERT INTO people VALUES (1, 1, 1, 'a', 'b', 'c', 'fine', 'long')`);
  await way.drain('capture', 'govern');
});

afterAll(() => way[Symbol.asyncDispose]());

const rewrite = async (from: RegExp, to: string) => {
  const text = await readFile(people, 'utf8');
  expect(text).toMatch(from);
  await writeFile(people, text.replace(from, to));
};
const run = (pipeline: string) => way.start(['run', pipeline, '--until-current']).ended;
const proving = () =>
  way.variant((raw) => {
    raw['provenance'] = {
      signingKey: '11'.repeat(32),
      origin: `log.example/${way.name}`,
      topic: `provenance.${way.name}`,
      directory: join(way.folder, 'provenance'),
    };
  });
const confirmed = () =>
  way.source.query(sql`
    SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = ${way.name}`);

test('a contract that breaks is not run by until it says so, or somebody accepts it', async () => {
  const before = await confirmed();
  await rewrite(/value: mask/, 'value: drop');
  await way.commit(`UPDATE people SET name = 'secret name' WHERE id = 1`);
  for (const pipeline of ['capture', 'govern']) {
    const refused = await run(pipeline);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      `people, column name: its rule is tightened: mask before, drop now`,
    );
    expect(refused.stderr).toContain('conductor contract accept');
  }
  expect(await confirmed()).toEqual(before);
  const proved = await way.start(['run', 'prove', '--until-current'], await proving()).ended;
  expect(proved.code, proved.stderr).toBe(0); // What is governed is proved, whatever contracts say now.

  const accepted = await way.start(['contract', 'accept']).ended;
  expect([accepted.code, accepted.stdout]).toEqual([0, expect.stringMatching(/people: accepted/)]);
  expect((await run('capture')).code).toBe(0);

  await rewrite(/value: drop/, 'value: mask');
  expect((await run('capture')).code).toBe(1);
  await rewrite(/version: .*/, 'version: 2.0.0');
  expect((await run('capture')).code).toBe(0);
  await rewrite(/version: .*/, 'version: 2.1.0\nteam: { name: shop }');
  expect((await run('capture')).code).toBe(0);
});

test('a contract that does not fit the source is not in force, and may be corrected', async () => {
  const own = await readFile(people, 'utf8');
  const file = await way.variant(({ source }) => {
    source['slot'] = `${way.name}_2`;
  });
  const first = () => way.start(['run', 'capture', '--until-current'], file).ended;
  await rewrite(/name: phone/, 'name: telephone');
  const misfit = await first();
  expect([misfit.code, misfit.stderr]).toEqual([1, expect.stringContaining('telephone')]);
  await writeFile(people, own);
  const corrected = await first();
  expect(corrected.code, corrected.stderr).toBe(0);
});

test('a table whose contract is gone is told of, too, and forgotten once that is accepted', async () => {
  const marks = join(way.folder, 'contracts', 'marks.yaml');
  const text = await readFile(marks, 'utf8');
  await rm(marks);
  const refused = await run('govern');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringContaining('marks: has no contract any more'),
  ]);
  expect((await way.start(['contract', 'accept', '--json']).ended).stdout).toContain(
    `{"accepted":["${way.name}.marks"]}`,
  );
  expect((await run('govern')).code).toBe(0);
  await writeFile(marks, text);
  expect((await run('govern')).code).toBe(0);
});
