import { expect, test } from 'vitest';
import { timelines } from '../../../pipelines/wal/timelines.ts';

const history = `1\t0/3000148\tno recovery target specified

2\t1/A0000000\tbefore 2026-11-21 05:00:00+00
`;

const cases = [
  { lsn: 0n, timeline: 1 },
  { lsn: 0x300_0147n, timeline: 1 },
  { lsn: 0x300_0148n, timeline: 2 },
  { lsn: 0x1_9fff_ffffn, timeline: 2 },
  { lsn: 0x1_a000_0000n, timeline: 3 },
  { lsn: 0xffff_ffff_ffffn, timeline: 3 },
] as const;

for (const { lsn, timeline } of cases)
  test(`WAL at ${lsn.toString(16)} was written by timeline ${timeline}`, () => {
    expect(timelines(3, history)(lsn)).toBe(timeline);
  });

test('the WAL of a timeline stays its own after the next promotion', () => {
  const later = timelines(4, `${history}3\t2/0\tno recovery target specified\n`);
  for (const { lsn, timeline } of cases)
    if (lsn < 0x2_0000_0000n) expect(later(lsn)).toBe(timeline);
  expect(later(0x2_0000_0000n)).toBe(4);
});

test('a server that was never promoted has one timeline', () => {
  expect(timelines(1, '')(123n)).toBe(1);
});
