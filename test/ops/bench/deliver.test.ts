import { expect, test } from 'vitest';
import { costs } from '../../../ops/bench/deliver.ts';
import { expectRested } from '../../../ops/bench/deliver-run.ts';
import { newest, upsertOf } from '../../../ops/bench/plain-sinks.ts';
import type { Governed } from '../../../schemas/change.ts';
import { unchanged } from '../../../schemas/value.ts';

test('a plain upsert has a parameter for each value, and sets every column but the key', () => {
  const text = upsertOf(2);
  expect(text).toMatch(/VALUES \(\$1,\$2,.*,\$10\),\(\$11,.*,\$20\)\s+ON CONFLICT \(id\)/);
  expect(text).not.toContain('$21');
  expect(text.match(/= excluded\.\w+/g)).toHaveLength(9);
  expect(text).not.toContain('id = excluded.id,');
});

test('of a batch, the last row of each key is written by hand', () => {
  const rows = [
    { after: { id: 1n, status: 'new' } },
    { after: { id: 2n, status: 'new' } },
    { after: { id: 1n, status: 'paid' } },
  ];
  expect(newest(rows)).toEqual([
    { id: 1n, status: 'paid' },
    { id: 2n, status: 'new' },
  ]);
});

test.each<[string, Pick<Governed, 'after'>]>([
  ['a delete', { after: null }],
  ['a row of which not all is known', { after: { id: 1n, notes: unchanged } }],
])('%s is not written by hand', (_, change) => {
  expect(() => newest([change])).toThrow('whole rows only');
});

test.each([
  ['an insert', { rows: 9, paid: 5 }],
  ['an update', { rows: 10, paid: 4 }],
])('a run that lost %s has no figure', (_, rested) => {
  const committed = { rows: 10, paid: 5 };
  expect(() => expectRested('postgres', rested, committed)).toThrow('came to rest of 10');
  expect(() => expectRested('postgres', committed, committed)).not.toThrow();
});

test('says what a change costs the worker, and the servers', () => {
  expect(costs({ cpu_s: 3, servers_cpu_s: 4.5 }, 1_500_000)).toBe(
    'CPU of a change: 2.0 µs in the worker, 3.0 µs in the servers.',
  );
});
