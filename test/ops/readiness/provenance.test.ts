import { expect, test } from 'vitest';
import { logTopicFindings } from '../../../ops/readiness/provenance.ts';

const kept = { 'retention.ms': '-1', 'retention.bytes': '-1', 'cleanup.policy': 'delete' };

const look = (configs: Readonly<Record<string, string>>, partitions = 1) =>
  logTopicFindings('provenance', {
    topics: new Map([['provenance', { partitions, configs: new Map(Object.entries(configs)) }]]),
  });

test('a topic of a log that is kept for ever is in order, and one that is not there is made', () => {
  expect(look(kept)).toMatchObject([{ outcome: 'ok' }]);
  expect(logTopicFindings('provenance', { topics: new Map() })).toMatchObject([
    { outcome: 'ok', what: 'topic provenance will be made' },
  ]);
});

test.each([
  ['forgets after a time', { 'retention.ms': '604800000' }, 1, /retention.ms=604800000/],
  ['forgets beyond a size', { 'retention.bytes': '1000000' }, 1, /retention.bytes=1000000/],
  ['is compacted', { 'cleanup.policy': 'compact' }, 1, /cleanup.policy=compact/],
  ['has several lanes', {}, 12, /12 partitions/],
])('a topic of a log that %s fails', (_, change, partitions, what) => {
  expect(look({ ...kept, ...change }, partitions)).toMatchObject([
    { check: 'provenance', outcome: 'failed', what: expect.stringMatching(what) as string },
  ]);
});
