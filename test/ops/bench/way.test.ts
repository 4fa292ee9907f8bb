import { expect, test } from 'vitest';
import { sharesOf } from '../../../ops/bench/way.ts';

test('who takes most of a processor is named first, in microseconds of a change', () => {
  const parts = { capture: { cpu_s: 1.5 }, kafka: { cpu_s: 4.2, peak_rss_mb: 900 }, registry: {} };
  expect(sharesOf(parts, 300_000)).toBe('kafka 14.0, capture 5.0, registry 0.0');
});
