import { afterEach, expect, test } from 'vitest';
import { watchSilence } from '../../../pipelines/backfill/silence.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Watches a connection; resolves with how often was asked, once it was given up or asked so often. */
function watched(
  isWorking: (asked: number) => Promise<boolean>,
  heard: () => number | null = () => 7,
  enough = 10,
): Promise<{ readonly asked: number; readonly givenUp: boolean }> {
  const { promise, resolve } = Promise.withResolvers<{ asked: number; givenUp: boolean }>();
  let asked = 0;
  const stop = watchSilence(
    {
      heard,
      isWorking: () => {
        if (++asked === enough) resolve({ asked, givenUp: false });
        return isWorking(asked);
      },
      giveUp: () => resolve({ asked, givenUp: true }),
    },
    1,
  );
  stops.push(stop);
  return promise;
}

const refusal = Object.assign(new Error('sorry, too many clients already'), { code: '53300' });

test('a silent connection is given up once nobody works for it, at the second look', async () => {
  expect(await watched(async () => false)).toEqual({ asked: 2, givenUp: true });
});

test('a silent connection is given up once nobody can be asked', async () => {
  const unreachable = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  expect(await watched(() => Promise.reject(unreachable))).toEqual({ asked: 2, givenUp: true });
});

test('who works is waited for, be there a doubt now and then', async () => {
  expect(await watched(async (asked) => asked % 2 === 0)).toMatchObject({ givenUp: false });
});

test('a server that refuses to tell is there', async () => {
  expect(await watched(() => Promise.reject(refusal))).toMatchObject({ givenUp: false });
});

test('what comes while somebody is asked ends the doubt', async () => {
  let bytes = 0;
  const works = async (asked: number) => {
    if (asked % 2 === 0) bytes++;
    return false;
  };
  expect(await watched(works, () => bytes)).toMatchObject({ givenUp: false });
});

test('nobody is asked while nothing is waited for, nor while bytes come', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let looks = 0;
  const heard = () => {
    if (++looks === 100) resolve();
    return looks < 50 ? null : looks;
  };
  let asked = 0;
  void watched(async () => (asked++, false), heard);
  await promise;
  expect(asked).toBe(0);
});
