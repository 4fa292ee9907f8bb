import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Failpoint } from '../../../pipelines/flow/failpoint.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { openAt, type Place, untilWritten } from './fault-places.ts';
import type { Fate, FaultProxy } from './fault-proxy.ts';
import { chance, type Course, courseOf, cutOf } from './lanes-of-marks.ts';
import type { Task } from './marks-writer.ts';

/** A store for one test, empty but for the table of a run. */
export interface FaultStore extends AsyncDisposable {
  readonly run: string;
  readonly place: Place;
  /** Holds all that rests against what a whole course comes to. */
  expectRests(course: Course): Promise<void>;
  /** The same place by a way on which writes get lost. */
  proxied(fateOf: () => Fate): Promise<{ readonly proxy: FaultProxy; readonly place: Place }>;
}

/** What differs from sink to sink. */
export interface FaultKind {
  readonly start: () => Promise<FaultStore>;
  readonly fates: readonly Fate[];
  readonly strikes: readonly [before: Failpoint, after: Failpoint];
  readonly length: number; // Of a lane.
}

const laneCount = 4;
const start: readonly number[] = Array.from({ length: laneCount }, () => 0);

/** What every sink owes workers that fall, freeze and get in each other's way, and whose answers get lost. */
export function faultSuite(name: string, kind: FaultKind): void {
  const { length, strikes, fates } = kind;
  const isDone = (from: readonly number[]) => from.every((at) => at === length);
  const courseIn = ({ run }: FaultStore) => courseOf({ run, lanes: laneCount, length, seed });

  /** All rests as it should, and what comes again late changes nothing. */
  async function expectSettled(store: FaultStore): Promise<void> {
    const course = courseIn(store);
    await store.expectRests(course);
    await using late = await openAt(store.place, [course.contract]);
    const draw = chance(seed + 99);
    const ends = start.map(() => 1 + draw(length - 1));
    await late.write(course.lanes.flatMap((lane, n) => lane.slice(0, ends[n])));
    await store.expectRests(course);
  }

  /** Starts a worker from what was confirmed; `confirmed` is kept up to what it says. */
  function worker(
    { run, place }: FaultStore,
    confirmed: number[],
    own: Pick<Task, 'cuts'> & Partial<Pick<Task, 'batches'>>,
    strike = '',
  ): ChildProcess {
    const course = { run, lanes: laneCount, length, seed };
    const task: Task = { ...course, place, from: confirmed, batches: length, ...own };
    const child = fork(program, [JSON.stringify(task)], {
      env: { ...process.env, CONDUCTOR_FAILPOINT: strike },
      execArgv: [],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.on('message', (to) => {
      for (const [lane, end] of (to as number[]).entries())
        confirmed[lane] = Math.max(confirmed[lane] ?? 0, end);
    });
    return child;
  }

  /** Another worker that takes the same lanes, from what the first had confirmed, and goes on to their ends. */
  async function takeOver(store: FaultStore, confirmed: readonly number[]): Promise<void> {
    const { contract, lanes } = courseIn(store);
    await using sink = await openAt(store.place, [contract]);
    const draw = chance(seed + 1);
    for (let from = confirmed; !isDone(from);) {
      const { batch, to } = cutOf(lanes, from, draw);
      await untilWritten(sink, batch);
      from = to;
    }
  }

  describe(`the ${name} sink under faults`, () => {
    test('whatever becomes of writes and of their answers, each change counts once', async () => {
      printSeed();
      await using store = await kind.start();
      const { contract, lanes } = courseIn(store);
      const draw = chance(seed);
      const { proxy, place } = await store.proxied(() =>
        draw(2) === 0 ? 'passes' : fates[draw(fates.length)]!,
      );
      await using _ = proxy;
      let sink: Sink<GovernedRecord> | null = null;
      let from = start;
      while (!isDone(from)) {
        const { batch, to } = cutOf(lanes, from, draw);
        try {
          sink ??= await openAt(place, [contract]);
          await sink.write(batch);
          from = to;
        } catch (error) {
          if (error instanceof Refusal) throw error;
          if (draw(2) === 0) await proxy.deliverLate();
          if (draw(2) > 0) continue;
          await sink?.[Symbol.asyncDispose]();
          sink = null;
        }
      }
      await proxy.deliverLate();
      await sink?.[Symbol.asyncDispose]();
      expect([...proxy.met.keys()].toSorted()).toEqual(['passes', ...fates].toSorted());
      await expectSettled(store);
    }, 240_000);

    test('workers that all own the same lanes for a while double nothing and lose nothing', async () => {
      printSeed();
      await using store = await kind.start();
      const { contract, lanes } = courseIn(store);
      const work = async (own: number) => {
        const draw = chance(own);
        await using sink = await openAt(store.place, [contract]);
        for (let from = start; !isDone(from);) {
          const { batch, to } = cutOf(lanes, from, draw);
          await sink.write(batch);
          from = to;
        }
      };
      await Promise.all([seed, seed + 1, seed + 2].map(work));
      await expectSettled(store);
    }, 120_000);

    test('a group that grows and shrinks hands lanes over without doubling or losing any change', async () => {
      printSeed();
      await using store = await kind.start();
      const { contract, lanes } = courseIn(store);
      const draw = chance(seed);
      const sinks = await Promise.all([0, 1, 2].map(() => openAt(store.place, [contract])));
      const confirmed = [...start]; // What the group knows of: behind what rests.
      const rests = [...start];
      while (!isDone(rests)) {
        const members = sinks.slice(0, 1 + draw(sinks.length));
        for (let lane = 0; lane < laneCount; lane++)
          confirmed[lane]! += draw(rests[lane]! - confirmed[lane]! + 1);
        await Promise.all(
          members.map(async (sink, member) => {
            const own = start
              .map((_, lane) => lane)
              .filter((lane) => lane % members.length === member);
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
      await expectSettled(store);
    }, 120_000);

    test('workers killed before and after their writes, and anywhere, double nothing and lose nothing', async () => {
      printSeed();
      await using store = await kind.start();
      const draw = chance(seed);
      const confirmed = [...start];
      let killed = 0;
      for (let round = 0; !isDone(confirmed); round++) {
        const struck = killed < 6 ? draw(3) : 3;
        const strike = strikes[struck] ? `${strikes[struck]}:${1 + draw(2)}` : '';
        const batches = struck < 3 ? 2 : length;
        const child = worker(store, confirmed, { cuts: seed + round, batches }, strike);
        const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
        if (struck === 2) {
          await Promise.race([once(child, 'message'), ended]);
          await wait(draw(60)); // Somewhere in its work.
          child.kill('SIGKILL');
        }
        const [code, signal] = await ended;
        expect(code ?? signal).toBe(signal === null ? 0 : 'SIGKILL');
        if (signal !== null) killed++;
      }
      expect(killed).toBeGreaterThan(2);
      await expectSettled(store);
    }, 300_000);

    test.each([
      ['in the middle of a write', `${strikes[0]}:3=stop`],
      ['between two writes', ''],
    ])(
      'a worker that is stopped %s, and goes on after another has come to the end, changes nothing any more',
      async (_, strike) => {
        printSeed();
        await using store = await kind.start();
        const stopped = [...start];
        let told = 0;
        const zombie = worker(store, stopped, { cuts: seed, batches: 3 }, strike);
        zombie.on('message', () => {
          if (++told === 2 && strike === '') zombie.kill('SIGSTOP');
        });
        await vi.waitFor(() => expect(told).toBe(2), 60_000);
        await takeOver(store, [...stopped]);
        await store.expectRests(courseIn(store));
        const ended = once(zombie, 'exit') as Promise<[number | null]>;
        zombie.kill('SIGCONT');
        expect((await ended)[0]).toBe(0);
        await expectSettled(store);
      },
      180_000,
    );
  });
}

const program = fileURLToPath(new URL('./marks-writer.ts', import.meta.url));
