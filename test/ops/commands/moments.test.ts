import { expect, test } from 'vitest';
import { moment } from '../../../ops/commands/moments.ts';

const now = Date.parse('2026-11-27T03:00:00Z');

test.each([
  ['90s', '2026-11-27T02:58:30.000Z'],
  ['90m', '2026-11-27T01:30:00.000Z'],
  ['2h', '2026-11-27T01:00:00.000Z'],
  ['7d', '2026-11-20T03:00:00.000Z'],
  ['2026-11-26', '2026-11-26T00:00:00.000Z'],
  ['2026-11-26T10:30Z', '2026-11-26T10:30:00.000Z'],
  ['2026-11-26T10:30:15.5+01:00', '2026-11-26T09:30:15.500Z'],
])('%s is %s', (text, at) => {
  expect(moment(text, null, now).toISOString()).toBe(at);
});

test.each(['2026-11-26T10:30', 'yesterday', '7w', '2026-13-01', ''])('%s is no time', (text) => {
  expect(() => moment(text, null, now)).toThrow('say 2026-11-27');
});
