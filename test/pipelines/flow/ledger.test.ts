import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ledger } from '../../../pipelines/flow/ledger.ts';
import type { LogPosition } from '../../../pipelines/flow/source.ts';
import { isSettled, turns } from '../../doubles.ts';

const endless = { values: Infinity, bytes: Infinity };

type Step =
  | { readonly do: 'track'; readonly log: string; readonly values: number; readonly bytes: number }
  | { readonly do: 'settle'; readonly which: number }
  | { readonly do: 'forget'; readonly log: string };

const logs = fc.constantFrom('a', 'b', 'c');
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: trackStep() },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), log: logs }) },
  ),
  { maxLength: 60 },
);

function trackStep() {
  return fc.record({
    do: fc.constant('track' as const),
    log: logs,
    values: fc.nat(9),
    bytes: fc.nat(99),
  });
}

interface Tracked {
  readonly log: string;
  readonly at: bigint;
  readonly values: number;
  readonly bytes: number;
  readonly settle: () => void;
  settled: boolean;
  forgotten: boolean;
}

/** Walks a ledger through the steps; `after` looks at it after each. */
function walk(
  plan: readonly Step[],
  after: (ledger: Ledger, all: readonly Tracked[], confirmed: readonly LogPosition[]) => void,
): void {
  const confirmed: LogPosition[] = [];
  const ledger = new Ledger(endless, (position) => confirmed.push(position));
  const all: Tracked[] = [];
  for (const step of plan) {
    if (step.do === 'track') {
      const at = BigInt(all.length);
      const settle = ledger.track({ log: step.log, at }, step);
      all.push({ ...step, at, settle, settled: false, forgotten: false });
    } else if (step.do === 'forget') {
      for (const entry of all) if (entry.log === step.log) entry.forgotten = true;
      ledger.forget(step.log);
    } else {
      const open = all.filter(({ settled }) => !settled);
      const entry = open[step.which % Math.max(1, open.length)];
      if (!entry) continue;
      entry.settled = true;
      entry.settle();
    }
    after(ledger, all, confirmed);
  }
}

test('whatever is settled and forgotten in whatever order, exactly the settled prefix of each log is confirmed', () => {
  fc.assert(
    fc.property(steps, (plan) => {
      walk(plan, (_, all, confirmed) => {
        for (const log of ['a', 'b', 'c']) {
          const own = all.filter((entry) => entry.log === log && !entry.forgotten);
          const open = own.findIndex(({ settled }) => !settled);
          const prefix = open === -1 ? own : own.slice(0, open);
          const last = confirmed.findLast((p) => p.log === log && p.at >= (own[0]?.at ?? 0n));
          if (own.length > 0) expect(last?.at).toBe(prefix.at(-1)?.at);
        }
      });
    }),
    { numRuns: 400 },
  );
});

test('a confirmed position never goes back, and nothing of a forgotten log is confirmed again', () => {
  fc.assert(
    fc.property(steps, (plan) => {
      let seen = 0;
      walk(plan, (_, all, confirmed) => {
        for (const { log, at } of confirmed.slice(seen)) {
          expect(all[Number(at)]!.forgotten).toBe(false);
          const earlier = confirmed.slice(0, seen).filter((position) => position.log === log);
          for (const position of earlier) expect(position.at < at).toBe(true);
        }
        seen = confirmed.length;
      });
    }),
    { numRuns: 400 },
  );
});

test('what is in flight is what is neither settled nor forgotten', () => {
  fc.assert(
    fc.property(steps, (plan) => {
      walk(plan, (ledger, all) => {
        const open = all.filter(({ settled, forgotten }) => !settled && !forgotten);
        expect(ledger.inFlight).toEqual({
          values: open.reduce((sum, { values }) => sum + values, 0),
          bytes: open.reduce((sum, { bytes }) => sum + bytes, 0),
        });
      });
    }),
  );
});

test('room lets in no more than the limit and one delivery, by count and by bytes, and never blocks for good', async () => {
  const size = fc.record({ values: fc.nat(20), bytes: fc.nat(200) });
  const limit = fc.record({
    values: fc.integer({ min: 1, max: 40 }),
    bytes: fc.integer({ min: 1, max: 400 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { maxLength: 30 }),
      limit,
      fc.infiniteStream(fc.nat()),
      async (sizes, room, chance) => {
        const ledger = new Ledger(room, () => {});
        const open: (() => void)[] = [];
        let taken = 0;
        const taking = (async () => {
          for (const each of sizes) {
            await ledger.room();
            expect(ledger.inFlight.values).toBeLessThan(room.values);
            expect(ledger.inFlight.bytes).toBeLessThan(room.bytes);
            open.push(ledger.track({ log: 'a', at: BigInt(taken++) }, each));
          }
        })();
        for (let left = sizes.length; left > 0; left--) {
          await turns(2);
          open.splice(chance.next().value % Math.max(1, open.length), 1)[0]?.();
        }
        await taking;
        expect(taken).toBe(sizes.length);
      },
    ),
    { numRuns: 60 },
  );
});

test('to settle twice is an error that names the position', () => {
  const settle = new Ledger(endless, () => {}).track(
    { log: 'slot', at: 7n },
    { values: 1, bytes: 1 },
  );
  settle();
  expect(settle).toThrow('settled twice: slot@7');
});

test('a forgotten log frees its room at once', async () => {
  const ledger = new Ledger({ values: 1, bytes: 1 }, () => {});
  ledger.track({ log: 'a', at: 1n }, { values: 1, bytes: 1 });
  const room = ledger.room();
  expect(await isSettled(room)).toBe(false);
  ledger.forget('a');
  expect(await isSettled(room)).toBe(true);
});

test('a log that was lost and came back is confirmed by what was tracked since, not by the late settling of before', () => {
  const confirmed: bigint[] = [];
  const ledger = new Ledger(endless, ({ at }) => confirmed.push(at));
  const before = ledger.track({ log: 'a', at: 5n }, { values: 1, bytes: 1 });
  ledger.forget('a');
  const since = ledger.track({ log: 'a', at: 3n }, { values: 1, bytes: 1 });
  before();
  expect(confirmed).toEqual([]);
  expect(ledger.inFlight.values).toBe(1);
  since();
  expect(confirmed).toEqual([3n]);
});

test('quiet waits for what is still on its way of forgotten logs, and for nothing else', async () => {
  const ledger = new Ledger(endless, () => {});
  const first = ledger.track({ log: 'a', at: 1n }, { values: 1, bytes: 1 });
  const second = ledger.track({ log: 'a', at: 2n }, { values: 1, bytes: 1 });
  ledger.track({ log: 'b', at: 1n }, { values: 1, bytes: 1 });
  expect(await isSettled(ledger.quiet())).toBe(true);
  second();
  ledger.forget('a');
  expect(ledger.inFlight).toEqual({ values: 1, bytes: 1 });
  const quiet = ledger.quiet();
  expect(await isSettled(quiet)).toBe(false);
  first();
  expect(await isSettled(quiet)).toBe(true);
});

test('a ledger that is closed keeps nobody waiting for room or quiet, and confirms no more than before', async () => {
  const confirmed: bigint[] = [];
  const ledger = new Ledger({ values: 1, bytes: 1 }, ({ at }) => confirmed.push(at));
  ledger.track({ log: 'lost', at: 1n }, { values: 1, bytes: 1 });
  ledger.forget('lost');
  ledger.track({ log: 'a', at: 1n }, { values: 1, bytes: 1 });
  const waiting = [ledger.room(), ledger.quiet()];
  expect(await Promise.all(waiting.map(isSettled))).toEqual([false, false]);
  ledger.close();
  await Promise.all(waiting);
  expect(confirmed).toEqual([]);
});

test('the oldest wait is that of the oldest unsettled entry of any log, and none when nothing is open', () => {
  const ledger = new Ledger(endless, () => {});
  const first = ledger.track({ log: 'a', at: 1n }, { values: 1, bytes: 1 });
  const later = performance.now() + 5_000;
  expect(ledger.oldestMs(later)).toBeGreaterThanOrEqual(5_000);
  first();
  expect(ledger.oldestMs(later)).toBe(0);
});

test('a long life leaves nothing behind: ten thousand settled entries are confirmed one by one', () => {
  let last = -1n;
  const ledger = new Ledger(endless, ({ at }) => {
    expect(at).toBe(last + 1n);
    last = at;
  });
  let settle = ledger.track({ log: 'a', at: 0n }, { values: 1, bytes: 1 });
  for (let at = 1n; at < 10_000n; at++) {
    const next = ledger.track({ log: 'a', at }, { values: 1, bytes: 1 });
    settle();
    settle = next;
  }
  settle();
  expect(last).toBe(9_999n);
  expect(ledger.inFlight).toEqual({ values: 0, bytes: 0 });
});
