import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay(testTables.filter(({ name }) => name === 'people'));
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** The tokens of the mirror, by the row's id. */
async function tokens(): Promise<ReadonlyMap<string, string>> {
  const mirror = openDatabase(way.urls.mirror);
  try {
    const rows = (await mirror.query(
      sql`SELECT id::text, email FROM ${sql.ident(way.name, 'people')} ORDER BY id`,
    )) as readonly { readonly id: string; readonly email: string }[];
    return new Map(rows.map(({ id, email }) => [id, email]));
  } finally {
    await mirror.dispose();
  }
}

test(
  'a new token key is taken up by all at once: what has tokens is copied anew, and nothing stays under old ones',
  { timeout: 300_000 },
  async () => {
    await way.commit(
      `INSERT INTO people VALUES
        (1, 7, 100, 'n', 'one', 'p', 'm', 'b'), (2, 7, 100, 'n', 'two', 'p', 'm', 'b'),
        (3, 8, 300, 'n', 'one', 'p', 'm', 'b')`,
    );
    await way.drain('capture', 'govern', 'deliver-postgres');
    const before = await tokens();
    const rotate = ['keys', 'rotate-tokens', '--tenant', '7'];

    const told = await way.start(rotate).ended;
    expect(told.code).toBe(0);
    expect(told.stdout).toContain(`${way.name}.people`);
    {
      await using worker = way.start(['run', 'capture']);
      await worker.running();
      const refused = await way.start([...rotate, '--yes']).ended;
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(
        /capture reads the slot[^]*fix: .*stop capture, govern and the API/,
      );
    }
    {
      await using worker = way.start(['run', 'govern']);
      await worker.running();
      await expect
        .poll(async () => (await way.start([...rotate, '--yes']).ended).stderr, { timeout: 60_000 })
        .toMatch(/govern runs/);
    }
    expect(await tokens()).toEqual(before);

    const rotated = await way.start([...rotate, '--yes', '--json']).ended;
    expect(rotated.code, rotated.stderr).toBe(0);
    expect(JSON.parse(rotated.stdout)).toMatchObject({
      version: expect.any(Number) as number,
      tables: [`${way.name}.people`],
    });
    await way.drain('capture', 'govern', 'deliver-postgres');
    const after = await tokens();
    expect([...after.keys()]).toEqual(['1', '2', '3']);
    expect(after.get('1')).not.toBe(before.get('1'));
    expect(after.get('2')).not.toBe(before.get('2'));
    expect(after.get('3')).toBe(before.get('3'));
    await way.commit("INSERT INTO people VALUES (4, 7, 100, 'n', 'one', 'p', 'm', 'b')");
    await way.drain('capture', 'govern', 'deliver-postgres');
    expect((await tokens()).get('4')).toBe(after.get('1'));
  },
);
