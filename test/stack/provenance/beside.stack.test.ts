import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openProvedWay, type ProvedWay } from './proved-way.ts';

let proved: ProvedWay;

beforeAll(async () => {
  proved = await openProvedWay();
  await proved.way.drain('capture');
});

afterAll(() => proved?.[Symbol.asyncDispose]());

/** Changes two tables, so that the log's own time goes on. */
async function change(round: number): Promise<void> {
  const first = round * 10;
  await proved.way.commit(
    `INSERT INTO marks SELECT n, n % 7, n FROM generate_series(${first}, ${first + 9}) AS n`,
    `INSERT INTO people (id, tenant_id, owner_id, mood) SELECT n, 1, n % 5, 'new' FROM generate_series(${first}, ${first + 4}) AS n`,
    `UPDATE people SET mood = 'old' WHERE id = ${first}`,
  );
}

test('prove that is killed under load, at any moment, cuts the same segments as one that reads all later', async () => {
  const { way } = proved;
  const beside = await proved.log('beside', { segmentSeconds: 1 });
  await using stream = way.start(['run', 'capture', 'govern'], beside.configFile);
  await stream.running();
  let round = 0;
  for (let kills = 0; kills < 3; kills++) {
    await using worker = way.start(['run', 'prove'], beside.configFile);
    const url = await worker.running();
    await vi.waitFor(
      async () => {
        await change(round++);
        const metrics = await (await fetch(`${url}/metrics`)).text();
        const [, count = '0'] = /^conductor_manifests_total\{[^}]*\} (\d+)$/m.exec(metrics) ?? [];
        expect(Number(count)).toBeGreaterThan(2);
      },
      { timeout: 60_000, interval: 100 },
    );
    worker.kill('SIGKILL');
    expect((await worker.ended).signal).toBe('SIGKILL');
  }
  await stream[Symbol.asyncDispose]();
  await way.drain('capture', 'govern');
  const last = await beside.prove();
  expect(last.code, last.stderr).toBe(0);

  const { code, faults, streams } = await beside.verify();
  expect(faults).toEqual([]);
  expect(code).toBe(0);
  expect(streams.map(({ stream: name, records, unproved }) => [name, records, unproved])).toEqual(
    expect.arrayContaining([
      [`pg.${way.name}.marks`, round * 10, 0],
      [`pg.${way.name}.people`, round * 6, 0],
    ]),
  );
  const marks = streams.find(({ stream: name }) => name === `pg.${way.name}.marks`);
  expect(marks?.segments).toBeGreaterThan(3);

  const anew = await proved.log('anew', { segmentSeconds: 1 });
  expect((await anew.prove()).code).toBe(0);
  expect(anew.entries()).toEqual(beside.entries());
});

test('one worker at a time proves a database', async () => {
  const log = await proved.log('alone');
  await using first = proved.way.start(['run', 'prove'], log.configFile);
  await first.running();
  const { code, stderr } = await log.prove();
  expect(code).toBe(1);
  expect(stderr).toMatch(/another worker proves .* already/);
});

test('databases that share a log have streams of their own', async () => {
  const { way } = proved;
  const log = await proved.log('shared');
  expect((await log.prove()).code).toBe(0);
  const other = await proved.log('shared', { prefix: 'other' });
  expect((await other.prove()).code).toBe(0);
  expect([...other.entries().keys()]).toContain(`other.${way.name}.marks`);
  expect(await other.verify()).toMatchObject({ code: 0, faults: [] });
});
