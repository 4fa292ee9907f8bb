import { defineConfig } from 'vitest/config';

const stack = 'test/**/*.stack.test.ts';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'tidy', include: ['test/tidy.test.ts'] } },
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [stack, 'test/tidy.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'stack',
          include: [stack],
          fileParallelism: false, // They share five servers, and two cores.
          execArgv: ['--disable-warning=TimeoutNegativeWarning'], // The second client sets timers into the past.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
