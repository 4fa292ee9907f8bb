import { expect, test } from 'vitest';
import { rounded } from '../../../ops/bench/figures.ts';
import { isMet, type Outcome, outcomeText } from '../../../ops/bench/report.ts';

const outcome: Outcome = {
  report: {
    bench: 'capture',
    machine: {
      cores: 2,
      cpu: 'a cpu',
      memory_gb: 24,
      os: 'linux 6',
      node: 'v24',
      postgres: '18',
      postgres_settings: { wal_level: 'logical' },
      kafka: '4.1.0',
      load_before: 0.5,
    },
    subject: rounded({ rows_per_s: 204_999.7, cpu_s: 7.912_3, peak_rss_mb: 199.6 }),
    limit: rounded({ rows_per_s: 140_000, cpu_s: undefined }),
    peers: { debezium: rounded({ rows_per_s: 36_000, peak_rss_mb: 700 }) },
  },
  names: { subject: 'capture', limit: 'drain' },
  targets: [
    { what: 'capture', got: 204_999.7, wanted: 200_000, is: 'at least', unit: 'rows/s' },
    { what: 'peak memory', got: 300, wanted: 250, is: 'at most', unit: 'MB' },
  ],
  notes: ['A note.'],
};

test('a figure that was not measured is left out of the object, and others lose what means nothing', () => {
  expect(JSON.parse(JSON.stringify(outcome.report))).toMatchObject({
    bench: 'capture',
    subject: { rows_per_s: 205_000, cpu_s: 7.91, peak_rss_mb: 200 },
    limit: { rows_per_s: 140_000 },
    peers: { debezium: { rows_per_s: 36_000, peak_rss_mb: 700 } },
  });
  expect(Object.keys(outcome.report.limit)).toEqual(['rows_per_s']);
});

test('a report has a line for each contender, only columns that somebody has, and says what is short', () => {
  expect(outcomeText(outcome)).toBe(`capture on 2 cores (a cpu), 24 GB, load 0.5 before
             rows/s      CPU s    peak MB
capture     205,000       7.91        200
drain       140,000
debezium     36,000                   700
met   capture: 204,999.7 rows/s (at least 200,000)
short peak memory: 300 MB (at most 250)
A note.
`);
});

test.each([
  ['at least', 5, 5, true],
  ['at least', 4.9, 5, false],
  ['at most', 5, 5, true],
  ['at most', 5.1, 5, false],
] as const)('%s: %d for %d is met: %s', (is, got, wanted, met) =>
  expect(isMet({ what: 'it', unit: '', is, got, wanted })).toBe(met),
);
