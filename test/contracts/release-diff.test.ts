import { expect, test } from 'vitest';
import type { PromisedTable } from '../../contracts/odcs-document.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { releaseChanges } from '../../contracts/release-diff.ts';
import { column, document, key, table } from './documents.ts';

/** A table that releases something, whatever the settings of a release are. */
function releasing(property: string, value: unknown): PromisedTable {
  const [plain] = readDocument(document(table('orders', [column('id', key)])), 'shop.yaml');
  const customProperties: readonly unknown[] = value === null ? [] : [{ property, value }];
  return { ...plain!, customProperties } as PromisedTable;
}

const anon = { k: 5, l: 2, window: 60, quasi_identifiers: ['zip'] };
const dp = { epsilon: 1, contribution: { rows: 1 }, queries: [{ name: 'n' }] };

test.each<[property: string, was: unknown, is: unknown, what: string, breaks: string | null]>([
  ['anon', anon, { ...anon, k: 3 }, 'its k-anonymous rows had k 5, and have 3', 'fewer subjects'],
  ['anon', anon, { ...anon, k: 9 }, 'had k 5, and have 9', 'are not any more'],
  ['anon', anon, { ...anon, l: undefined }, 'had l 2, and have unsaid', 'fewer subjects'],
  [
    'anon',
    anon,
    { ...anon, quasi_identifiers: [] },
    'had quasi_identifiers ["zip"], and have []',
    'does not go together',
  ],
  ['anon', null, anon, 'its k-anonymous rows are released now', null],
  ['anon', anon, null, 'its k-anonymous rows are not released any more', 'readers miss them'],
  [
    'dp',
    dp,
    { ...dp, epsilon: 4 },
    'its noisy aggregates had epsilon 1, and have 4',
    'more is told of a subject',
  ],
  ['dp', { ...dp, epsilon: 4 }, dp, 'had epsilon 4, and have 1', 'less exactly'],
  [
    'dp',
    dp,
    { ...dp, contribution: { rows: 2 } },
    'had contribution.rows 1, and have 2',
    'more is told of a subject',
  ],
])('%s: %j becomes %j', (property, was, is, what, breaks) => {
  const [only, ...more] = releaseChanges(releasing(property, was), releasing(property, is));
  expect(more).toEqual([]);
  expect(only!.what).toContain(what);
  if (breaks === null) expect(only!.breaks).toBeNull();
  else expect(only!.breaks).toContain(breaks);
});

test('what is released as before is no change', () => {
  expect(releaseChanges(releasing('anon', anon), releasing('anon', { ...anon }))).toEqual([]);
});
