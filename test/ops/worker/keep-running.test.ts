import { NEVER, of, throwError, type Observable } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type * as Timers from 'node:timers/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun, NotNow } from '../../../contracts/cannot-run.ts';
import { ConfigError } from '../../../contracts/config.ts';
import { UnknownSchema } from '../../../contracts/registry.ts';
import { log } from '../../../ops/log.ts';
import { Metrics } from '../../../ops/worker/counters.ts';
import { keepRunning, reasonOf } from '../../../ops/worker/keep-running.ts';
import type { Opened } from '../../../ops/worker/opened.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { turns } from '../../doubles.ts';

vi.mock('node:timers/promises', async (original) => {
  const timers = await original<typeof Timers>();
  return { ...timers, setTimeout: vi.fn(async () => {}) };
});

const waits = () => vi.mocked(wait).mock.calls.map(([ms]) => ms!);
const outage = new Error('connection lost');
const trouble = { what: 'w', where: 'x', fix: 'y' };

let stop = new AbortController();
beforeEach(() => {
  stop = new AbortController();
  vi.spyOn(log, 'warn').mockImplementation(() => {});
});
afterEach(() => {
  vi.mocked(wait).mockReset().mockResolvedValue(undefined);
  vi.restoreAllMocks();
});

/** One opening after another, each as it is told: an error it throws at once, or what it runs. */
function opening(...plan: readonly (Error | Observable<number>)[]) {
  const seen = { opened: 0, disposed: 0, running: [] as boolean[] };
  const metrics = new Metrics();
  const counters = metrics.of('capture');
  const open = async (): Promise<Opened> => {
    const next = plan[seen.opened++];
    if (!next) return expect.unreachable('it was opened once too often');
    if (next instanceof Error) throw next;
    return {
      run: () => {
        seen.running.push(metrics.states()[0]!.running);
        return next;
      },
      [Symbol.asyncDispose]: async () => void seen.disposed++,
    };
  };
  return { seen, metrics, run: () => keepRunning(open, counters, stop.signal) };
}

const fails = (error: unknown) => throwError(() => error);

test('a pipeline that comes to its end ends, disposed of, with what settled counted', async () => {
  const { run, seen, metrics } = opening(of(3, 4));
  await run();
  expect(seen).toEqual({ opened: 1, disposed: 1, running: [true] });
  expect(metrics.states()).toMatchObject([{ settled: 7, running: false }]);
});

test('what is in the way at the start is thrown at once, an outage too', async () => {
  for (const error of [outage, new NotNow(trouble)]) {
    const { run, seen } = opening(error);
    await expect(run()).rejects.toBe(error);
    expect(seen.opened).toBe(1);
  }
  expect(waits()).toEqual([]);
});

test('a later outage is waited out, each try a new opening, until it runs again', async () => {
  const { run, seen, metrics } = opening(fails(outage), outage, new NotNow(trouble), of(1));
  await run();
  expect(seen).toMatchObject({ opened: 4, disposed: 2 });
  expect(waits().length).toBe(3);
  expect(await metrics.text()).toContain('conductor_retries_total{pipeline="capture"} 3');
  expect(log.warn).toHaveBeenCalledWith(
    expect.objectContaining({ pipeline: 'capture', error: 'connection lost' }),
    expect.any(String),
  );
});

test('waits double up to half a minute, never less than half of that', async () => {
  const { run } = opening(...Array.from({ length: 12 }, () => fails(outage)), of(1));
  await run();
  for (const [attempt, ms] of waits().entries()) {
    const most = Math.min(30_000, 250 * 2 ** attempt);
    expect(ms).toBeGreaterThanOrEqual(most / 2);
    expect(ms).toBeLessThanOrEqual(most);
  }
});

const thrown = [
  { name: 'a TypeError', error: new TypeError('bug') },
  { name: 'a refusal that nobody took', error: new Refusal('undecodable', 'r') },
  { name: 'a refusal to run', error: new CannotRun(trouble) },
  {
    name: 'a mistake of ours in asking a server',
    error: new NotNow(trouble, { cause: new TypeError('bug') }),
  },
  { name: 'a wrong configuration', error: new ConfigError('c') },
  { name: 'a schema that is not registered', error: new UnknownSchema('u') },
];

for (const { name, error } of thrown)
  test(`${name} is thrown whenever it shows: nobody waits for it to go away`, async () => {
    const { run, seen } = opening(fails(outage), fails(error));
    await expect(run()).rejects.toBe(error);
    expect(seen).toMatchObject({ opened: 2, disposed: 2 });
  });

/** What runs fails with one error, and what is disposed of then with another. */
function failing(first: Error, disposing: Error) {
  const plan = [fails(first), of(1)];
  const counters = new Metrics().of('capture');
  const open = async (): Promise<Opened> => {
    const next = plan.shift()!;
    const last = plan.length === 0;
    return {
      run: () => next,
      [Symbol.asyncDispose]: async () => {
        if (!last) throw disposing;
      },
    };
  };
  return keepRunning(open, counters, stop.signal);
}

test('what failed first counts, not what failed in disposing of it', async () => {
  await failing(outage, new TypeError('the client is closed'));
  expect(waits().length).toBe(1);
  const bug = new TypeError('bug');
  const both = failing(bug, outage);
  await expect(both).rejects.toMatchObject({ suppressed: bug });
  expect(waits().length).toBe(1);
});

test('an abort while it waits ends it, quietly', async () => {
  vi.mocked(wait).mockImplementation(async () => {
    stop.abort();
    throw new Error('aborted');
  });
  const { run, seen } = opening(fails(outage));
  await run();
  expect(seen.opened).toBe(1);
});

test('while it runs it says so', async () => {
  const { run, metrics } = opening(NEVER);
  const states = () => metrics.states().map(({ running }) => running);
  expect(states()).toEqual([false]);
  void run();
  await turns();
  expect(states()).toEqual([true]);
});

const reasons = [
  { name: 'an error', error: new Error('m'), says: 'm' },
  {
    name: 'an error with a code',
    error: Object.assign(new Error('m'), { code: 'E1' }),
    says: 'm (E1)',
  },
  {
    name: 'an error that may quote a value',
    error: Object.assign(new Error('no number: "secret"'), { code: '22P02' }),
    says: `PostgreSQL complains of a value or a condition (SQLSTATE 22P02); the words are in the server's log (22P02)`,
  },
  {
    name: 'an aggregate',
    error: new AggregateError([new Error('inner')], 'outer'),
    says: 'outer: inner',
  },
  {
    name: 'an aggregate without a message',
    error: new AggregateError([new Error('in')]),
    says: 'in',
  },
  {
    name: 'a suppressed error',
    error: new SuppressedError(new Error('late'), outage),
    says: 'connection lost',
  },
  { name: 'what is no error', error: 'text', says: 'text' },
];

for (const { name, error, says } of reasons)
  test(`the reason of ${name} is ${JSON.stringify(says)}`, () => {
    expect(reasonOf(error)).toBe(says);
  });
