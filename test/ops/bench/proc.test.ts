import { expect, test } from 'vitest';
import { busySeconds, cpuSeconds, peakMb, usageOf } from '../../../ops/bench/proc.ts';

test.each([
  ['42 (node) S 1 42 42 0 -1 4194304 900 0 0 0 250 50 0 0 20 0 11 0 100 1 2 3', 3],
  ['42 (a (b) c) R 1 42 42 0 -1 4194304 900 0 0 0 100 20 30 7 20 0 11 0 100 1 2 3', 1.57],
])('reads the time of a process and of its children from %j', (stat, seconds) =>
  expect(cpuSeconds(stat)).toBeCloseTo(seconds),
);

test.each([
  ['Name:\tnode\nVmPeak:\t 9999 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  1024 kB\n', 200],
  ['Name:\tnode\nState:\tZ (zombie)\n', 0],
])('reads the most memory that was resident from %j', (status, mb) =>
  expect(peakMb(status)).toBe(mb),
);

test('counts all that the machine did, and not what it waited for', () => {
  expect(busySeconds('cpu  100 20 30 5000 600 4 3 2 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n')).toBe(1.59);
});

test('a process that is not there used nothing, and this one did where there is a /proc', () => {
  expect(usageOf(2 ** 30)).toBeNull();
  const used = usageOf(process.pid)?.peakRssMb ?? 0;
  expect(used > 10).toBe(process.platform === 'linux');
});
