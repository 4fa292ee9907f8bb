import { expect, test, vi } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import type { Checkpoint } from '../../../pipelines/wal/checkpoint.ts';
import { tenure } from '../../../pipelines/wal/tenure.ts';

const own: Checkpoint = {
  lsn: 7n,
  system: '1',
  timeline: 1,
  era: 2,
  watermark: 0,
  recovery: null,
};

test.for([
  ['of the same era', { lsn: 9n, timeline: 2 }, true],
  ['of another era', { era: 3 }, false],
  ['of another server', { system: '2' }, false],
] as const)('whoever finds a checkpoint %s may write: %s', async ([, change, may]) => {
  const mayWrite = tenure({ read: async () => ({ ...own, ...change }) }, 'db/slot', own);
  if (may) await mayWrite();
  else await expect(mayWrite()).rejects.toBeInstanceOf(NotNow);
});

test('what is known is trusted for a second, and no answer is none', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const answers: (Checkpoint | Error)[] = [own, new Error('gone'), { ...own, era: 3 }];
    const read = async () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer ?? null;
    };
    const mayWrite = tenure({ read }, 'db/slot', own);
    for (let at = 0; at < 3; at++) await mayWrite();
    expect(answers).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    await expect(mayWrite()).rejects.toThrow('gone');
    await expect(mayWrite()).rejects.toThrow(/was given up and another made/);
  } finally {
    vi.useRealTimers();
  }
});
