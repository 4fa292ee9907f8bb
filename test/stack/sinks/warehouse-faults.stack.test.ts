import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { warehouse } from '../../../sinks/clickhouse.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { type Fate, insertProxy } from './insert-proxy.ts';
import { chance, cutOf, marks, recordsOfMarks } from './lanes-of-marks.ts';
import { freshWarehouse } from './own-warehouse.ts';

type Fresh = Awaited<ReturnType<typeof freshWarehouse>>;

const [laneCount, length] = [4, 300];
const start: readonly number[] = Array.from({ length: laneCount }, () => 0);
const isDone = (from: readonly number[]) => from.every((at) => at === length);

/** Every record of every lane once, in the rows as they rest: no FINAL, and no merge that could have folded any. */
async function expectEachOnce({ select, at }: Fresh): Promise<void> {
  const rows = await select<Record<string, string>>(`
    SELECT toString(count()) AS rows, toString(uniqExact(_lane, _offset)) AS places, toString(uniqExact(id)) AS keys,
      toString(max(_offset)) AS newest FROM ${at.database}.marks_history`);
  const all = `${laneCount * length}`;
  expect(rows).toEqual([{ rows: all, places: all, keys: all, newest: `${length - 1}` }]);
}

/** A warehouse whose history shows whatever was written twice for ever. */
async function unmerged(): Promise<Fresh> {
  const fresh = await freshWarehouse();
  await using _ = await warehouse({ ...fresh.at, contracts: [marks] });
  await fresh.command(`SYSTEM STOP MERGES ${fresh.at.database}.marks_history`);
  return fresh;
}

test('whatever becomes of inserts and of their answers, each change rests once', async () => {
  printSeed();
  await using fresh = await unmerged();
  const draw = chance(seed);
  const fates: readonly Fate[] = ['never arrives', 'answer lost', 'arrives twice', 'arrives late'];
  await using proxy = await insertProxy(fresh.at.url, () =>
    draw(2) === 0 ? 'passes' : fates[draw(fates.length)]!,
  );
  const lanes = recordsOfMarks(laneCount, length);
  const at = { ...fresh.at, url: proxy.url };
  let sink = await warehouse({ ...at, contracts: [marks] });
  let from = start;
  while (!isDone(from)) {
    const { batch, to } = cutOf(lanes, from, draw);
    try {
      await sink.write(batch);
      from = to;
    } catch {
      if (draw(2) === 0) await proxy.deliverLate();
      if (draw(2) === 0) {
        await sink[Symbol.asyncDispose]();
        sink = await warehouse({ ...at, contracts: [marks] });
      }
    }
  }
  await proxy.deliverLate();
  await sink[Symbol.asyncDispose]();
  expect([...proxy.met.keys()].toSorted()).toEqual(['passes', ...fates].toSorted());
  await expectEachOnce(fresh);
}, 120_000);

test('workers that all own the same lanes for a while double nothing and lose nothing', async () => {
  printSeed();
  await using fresh = await unmerged();
  const lanes = recordsOfMarks(laneCount, length);
  const work = async (own: number) => {
    const draw = chance(own);
    await using sink = await warehouse({ ...fresh.at, contracts: [marks] });
    for (let from = start; !isDone(from);) {
      const { batch, to } = cutOf(lanes, from, draw);
      await sink.write(batch);
      from = to;
    }
  };
  await Promise.all([seed, seed + 1, seed + 2].map(work));
  await expectEachOnce(fresh);
}, 120_000);

test('a group that grows and shrinks hands lanes over without doubling any change', async () => {
  printSeed();
  await using fresh = await unmerged();
  const draw = chance(seed);
  const lanes = recordsOfMarks(laneCount, length);
  const sinks = await Promise.all(
    [0, 1, 2].map(() => warehouse({ ...fresh.at, contracts: [marks] })),
  );
  const confirmed = [...start]; // What the group knows of: behind what rests.
  const rests = [...start];
  while (!isDone(rests)) {
    const members = sinks.slice(0, 1 + draw(sinks.length));
    for (let lane = 0; lane < laneCount; lane++)
      confirmed[lane]! += draw(rests[lane]! - confirmed[lane]! + 1);
    await Promise.all(
      members.map(async (sink, member) => {
        const own = start.map((_, lane) => lane).filter((lane) => lane % members.length === member);
        const batch = own.flatMap((lane) => {
          const end = Math.min(length, Math.max(rests[lane]!, confirmed[lane]! + draw(50)));
          rests[lane] = end;
          return lanes[lane]!.slice(confirmed[lane], end);
        });
        await sink.write(batch);
      }),
    );
  }
  for (const sink of sinks) await sink[Symbol.asyncDispose]();
  await expectEachOnce(fresh);
}, 120_000);

test('who takes a lane waits for an insert that was let in before, and leaves out what it brought', async () => {
  await using fresh = await unmerged();
  await fresh.command(
    `ALTER TABLE ${fresh.at.database}.marks_history ADD COLUMN slow UInt8 DEFAULT sleepEachRow(0.2)`,
  );
  const [lane = []] = recordsOfMarks(1, 10);
  await using slow = await warehouse({ ...fresh.at, contracts: [marks] });
  await using next = await warehouse({ ...fresh.at, contracts: [marks] });
  const first = slow.write(lane.slice(0, 8));
  const inserts = `SELECT query_id FROM system.processes WHERE query LIKE 'INSERT INTO ${fresh.at.database}.marks%'`;
  await vi.waitFor(async () => expect(await fresh.select(inserts)).toHaveLength(1));
  await next.write(lane);
  await first;
  const history = `${fresh.at.database}.marks_history`;
  expect(
    await fresh.select(
      `SELECT toString(count()) AS rows, toString(uniqExact(_offset)) AS places FROM ${history}`,
    ),
  ).toEqual([{ rows: '10', places: '10' }]);
}, 60_000);

const program = fileURLToPath(new URL('./marks-writer.ts', import.meta.url));

/** Starts a worker from what was confirmed; `confirmed` is kept up to what it says. */
function worker({ at }: Fresh, confirmed: number[], own: number, strike = ''): ChildProcess {
  const task = { at, lanes: laneCount, length, from: confirmed, seed: own };
  const child = fork(program, [JSON.stringify(task)], {
    env: { ...process.env, CONDUCTOR_FAILPOINT: strike },
    execArgv: [],
  });
  child.on('message', (to) => {
    for (const [lane, end] of (to as number[]).entries())
      confirmed[lane] = Math.max(confirmed[lane] ?? 0, end);
  });
  return child;
}

test('workers killed before and after their inserts double nothing and lose nothing', async () => {
  printSeed();
  await using fresh = await unmerged();
  const draw = chance(seed);
  const confirmed = [...start];
  let killed = 0;
  for (let round = 0; !isDone(confirmed); round++) {
    const strike = round < 8 ? `${draw(2) === 0 ? 'inserting' : 'inserted'}:${1 + draw(2)}` : '';
    const child = worker(fresh, confirmed, seed + round, strike);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(code ?? signal).toBe(signal === null ? 0 : 'SIGKILL');
    if (signal !== null) killed++;
  }
  expect(killed).toBeGreaterThan(4);
  await expectEachOnce(fresh);
}, 300_000);

test('a worker that was stopped before its insert, and goes on after another has taken over, doubles nothing', async () => {
  printSeed();
  await using fresh = await unmerged();
  const stopped = [...start];
  const zombie = worker(fresh, stopped, seed, 'inserting:3=stop');
  await vi.waitFor(() => expect(stopped.some((at) => at > 0)).toBe(true), 30_000);
  await using sink = await warehouse({ ...fresh.at, contracts: [marks] });
  const lanes = recordsOfMarks(laneCount, length);
  const draw = chance(seed + 1);
  let from: readonly number[] = [...stopped];
  const write = async () => {
    const { batch, to } = cutOf(lanes, from, draw);
    await sink.write(batch);
    from = to;
  };
  for (let n = 0; n < 4; n++) await write();
  zombie.kill('SIGCONT');
  while (!isDone(from)) await write();
  const [code] = (await once(zombie, 'exit')) as [number | null];
  expect(code).toBe(0);
  await expectEachOnce(fresh);
}, 120_000);
