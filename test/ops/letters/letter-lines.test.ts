import { expect, test } from 'vitest';
import {
  listLines,
  refusalWords,
  showLines,
  statsLines,
} from '../../../ops/letters/letter-lines.ts';
import type { FoundLetter } from '../../../replay/letter-search.ts';

const letter: FoundLetter = {
  id: '3f9a2c71d0aabbccddeeff0011223344',
  pipeline: 'govern',
  table: 'public.users',
  reason: 'no-tenant',
  origin: 'cdc.shop.public.users/3@42',
  keyHash: 'ab'.repeat(16),
  at: new Date('2026-11-27T01:02:03.456Z'),
  chunks: 1,
  bytes: 1_234,
  topic: 'dlq.govern',
  partition: 3,
  offset: '17',
  state: 'open',
  job: null,
  waivedBy: null,
  waivedWhy: null,
};

test('a list is a table whose ids are short enough to be typed', () => {
  expect(listLines([letter], 50)).toEqual([
    'id          written              pipeline  table         reason     size    state  origin',
    '3f9a2c71d0  2026-11-27 01:02:03  govern    public.users  no-tenant  1.2 kB  open   cdc.shop.public.users/3@42',
  ]);
});

test('a list that is cut off says so, and an empty one that it is', () => {
  expect(listLines([letter], 1).at(-1)).toBe('the newest 1; --limit shows more');
  expect(listLines([], 50)).toEqual(['no letter is of that kind']);
  expect(statsLines({ counts: [], topics: [] })).toEqual(['there are no letters']);
});

test('stats tell the limits of Kafka where there are any', () => {
  const { pipeline, table, reason, at } = letter;
  const lines = statsLines({
    counts: [
      {
        pipeline,
        table,
        reason,
        open: 2,
        replayed: 3,
        waived: 4,
        gone: 1,
        bytes: 99,
        oldest: at,
        newest: at,
      },
    ],
    topics: [
      {
        topic: 'dlq.govern',
        letters: 2,
        bytes: 99,
        fullest: 60,
        oldest: at,
        retention: { bytes: null, bytesShare: null, ms: 1_000, ageShare: 0.125 },
      },
    ],
  });
  expect(lines[1]).toMatch(/^govern +public\.users +no-tenant +2 +3 +4 +1 +99 B/);
  expect(lines[4]).toMatch(/^dlq\.govern +2 +99 B +no limit +2026-11-27 01:02:03 +12\.5 %$/);
});

test('a letter whose key was destroyed says so, and what is shown of a row tells nulls from what was not sent', () => {
  const opened = { state: 'destroyed' } as const;
  expect(showLines(letter, { message: 'm', opened }, null).join('\n')).toContain('was erased');
  const change = {
    op: 'update',
    before: null,
    after: { values: { id: '7', bio: null }, unchanged: ['note'] },
  } as const;
  const ruling = { allowed: true, reason: 'policy-tenant', rules: [] };
  const here = { state: 'here', payload: Buffer.from('hidden') } as const;
  const lines = showLines(letter, { message: 'm', opened: here }, { ruling, change });
  expect(lines.slice(-5)).toEqual([
    'change    update',
    'after:',
    '  id    "7"',
    '  bio   null',
    '  note  (not sent)',
  ]);
  expect(lines.join('\n')).not.toContain('hidden');
});

test.each([
  [{ reason: 'another-tenant', rules: [] }, 'another tenant'],
  [{ reason: 'destroyed', rules: [] }, 'was erased'],
  [{ reason: 'policy-purpose', rules: ['marketing-only-reads'] }, 'by marketing-only-reads'],
  [{ reason: 'policy-none', rules: [] }, 'no rule of policy allows it'],
])('why it is refused is said in words: %j', (ruling, said) => {
  expect(refusalWords({ allowed: false, ...ruling })).toContain(said);
});
