import { expect, test } from 'vitest';
import { retentionOf } from '../../../ops/letters/letter-stats.ts';

const now = new Date('2026-11-27T00:00:00Z');
const fill = { fullest: 250, oldest: new Date('2026-11-26T00:00:00Z') };

test('how much is used is told of the fullest lane and the oldest letter', () => {
  const configs = new Map([
    ['retention.bytes', '1000'],
    ['retention.ms', `${4 * 86_400_000}`],
  ]);
  expect(retentionOf(fill, configs, now)).toEqual({
    bytes: 1_000,
    bytesShare: 0.25,
    ms: 4 * 86_400_000,
    ageShare: 0.25,
  });
});

test('of a topic without a limit no share is told', () => {
  const unlimited = new Map([['retention.bytes', '-1']]);
  const none = { bytes: null, bytesShare: null, ms: null, ageShare: null };
  expect(retentionOf(fill, unlimited, now)).toEqual(none);
});
