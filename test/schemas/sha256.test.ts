import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ShortHmac } from '../../schemas/sha256.ts';

function bytesOf(words: Int32Array): string {
  const bytes = Buffer.alloc(32);
  for (const [at, word] of words.entries()) bytes.writeInt32BE(word, at * 4);
  return bytes.toString('hex');
}

// RFC 4231, test cases 1 to 4; the fifth is cut short, and the others have keys longer than a block.
test.each([
  [
    '0b'.repeat(20),
    Buffer.from('Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  [
    Buffer.from('Jefe').toString('hex'),
    Buffer.from('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    'aa'.repeat(20),
    Buffer.alloc(50, 0xdd),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  [
    '0102030405060708090a0b0c0d0e0f10111213141516171819',
    Buffer.alloc(50, 0xcd),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
])('the MAC of RFC 4231 under %s', (key, text, want) => {
  expect(bytesOf(new ShortHmac(Buffer.from(key, 'hex')).of(text, ''))).toBe(want);
});

test('the MAC of any two texts is what OpenSSL makes of them, whatever was hashed before', () => {
  const key = fc.uint8Array({ maxLength: 64 });
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'binary', maxLength: 700 }),
  );
  fc.assert(
    fc.property(
      key,
      fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }),
      (key, texts) => {
        const mac = new ShortHmac(Buffer.from(key));
        for (const [front, rest] of texts)
          expect(bytesOf(mac.of(Buffer.from(front), rest))).toBe(
            createHmac('sha256', key).update(front).update(rest).digest('hex'),
          );
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a key that is longer than a block is refused', () => {
  expect(() => new ShortHmac(Buffer.alloc(65))).toThrow(RangeError);
});
