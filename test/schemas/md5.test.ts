import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hexOf, Md5 } from '../../schemas/md5.ts';

const theirs = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 16);
};

test('a text has the hash that everybody else has of it, whatever was hashed before', () => {
  const md5 = new Md5();
  const anyText = fc.string({ unit: 'binary', maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(anyText, fc.uint8Array({ maxLength: 200 }), (text, bytes) => {
      md5.clear();
      md5.bytes(bytes);
      md5.text(text);
      md5.finish();
      expect(hexOf(md5.high, md5.low)).toBe(theirs(bytes, text));
    }),
  );
});

test('a hash is written as its sixteen digits', () => {
  const md5 = new Md5();
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(word, word, (high, low) => {
      md5.clear();
      md5.hex(high, low);
      md5.finish();
      expect(hexOf(md5.high, md5.low)).toBe(theirs(hexOf(high, low)));
    }),
  );
});

test('a text of each length about the end of a block is filled up as it should be', () => {
  const md5 = new Md5();
  for (let length = 0; length < 200; length++) {
    md5.clear();
    md5.text('x'.repeat(length));
    md5.finish();
    expect(hexOf(md5.high, md5.low)).toBe(theirs('x'.repeat(length)));
  }
});
