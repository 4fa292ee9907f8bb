import { expect, test } from 'vitest';
import { keyHashes } from '../../replay/key-hash.ts';
import { keyText } from '../../schemas/value.ts';

const hash = keyHashes(Buffer.alloc(32, 1));

test.each([
  [keyText({ id: 7 }), '{ "id": 7 }'],
  [keyText({ person_id: 1, no: 2 }), '{"no":2,"person_id":1}'],
  [keyText({ id: 9_007_199_254_740_993n }), '{"id":9007199254740993}'],
  ['no JSON at all', ' no JSON at all\n'],
])('%s is found by what a person types', (kept, typed) => {
  expect(hash(typed)).toBe(hash(Buffer.from(kept)));
});

test.each([
  ['{"id":7}', '{"id":"7"}'],
  ['{"id":9007199254740993}', '{"id":9007199254740992}'],
  ['{"id":7}', '{"no":7}'],
  ['{"id":["7"]}', '{"id":7}'],
  ['7', '8'],
])('%s is another key than %s', (one, other) => {
  expect(hash(one)).not.toBe(hash(other));
});

test('without the secret nobody can try keys', () => {
  expect(keyHashes(Buffer.alloc(32, 2))('{"id":7}')).not.toBe(hash('{"id":7}'));
  expect(hash('{"id":7}')).toMatch(/^[0-9a-f]{32}$/);
});
