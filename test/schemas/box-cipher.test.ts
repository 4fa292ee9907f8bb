import { createCipheriv, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoxCipher, longestText } from '../../schemas/box-cipher.ts';
import { Bytes } from '../../schemas/bytes.ts';

const bytes = (minLength: number, maxLength = minLength) =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((each) => Buffer.from(each));

interface Case {
  readonly key: Buffer;
  readonly front: Buffer;
  readonly nonce: Buffer;
  readonly text: Buffer;
}

/** What OpenSSL makes of it alone. */
function byOpenssl({ key, front, nonce, text }: Case): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.concat([front, nonce]));
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function sealed(cipher: BoxCipher, { nonce, text }: Case, before = 0): Buffer {
  const plain = new Bytes(8);
  plain.copy(text, 0, text.length);
  const out = new Bytes(8);
  for (let n = 0; n < before; n++) out.byte(0xee);
  const [n0, n1, n2] = [0, 4, 8].map((at) => nonce.readInt32BE(at)) as [number, number, number];
  cipher.seal(n0, n1, n2, plain, out);
  return Buffer.from(out.view().subarray(before));
}

const cipherOf = ({ key, front }: Case) => new BoxCipher(createSecretKey(key), front);

const cases = fc.record({
  key: bytes(32),
  front: bytes(17),
  nonce: bytes(12),
  text: fc.oneof(bytes(0, 80), bytes(0, longestText)),
});

test('every text becomes what OpenSSL makes of it, to the bit, wherever it is written', () => {
  fc.assert(
    fc.property(cases, fc.nat(40), (each, before) => {
      expect(sealed(cipherOf(each), each, before)).toEqual(byOpenssl(each));
    }),
    { numRuns: 500 },
  );
});

test('texts of every length up to two blocks and more become what OpenSSL makes of them', () => {
  const each = { key: Buffer.alloc(32, 1), front: Buffer.alloc(17, 2), nonce: Buffer.alloc(12, 3) };
  for (let length = 0; length <= 50; length++) {
    const text = Buffer.alloc(length, 0xa5);
    expect(sealed(cipherOf({ ...each, text }), { ...each, text })).toEqual(
      byOpenssl({ ...each, text }),
    );
  }
});

test('nothing of a text is left in the next one under the same key', () => {
  fc.assert(
    fc.property(fc.array(cases, { minLength: 2, maxLength: 6 }), (all) => {
      const [{ key, front }] = all as [Case];
      const cipher = cipherOf(all[0]!);
      for (const each of all)
        expect(sealed(cipher, each)).toEqual(byOpenssl({ ...each, key, front }));
    }),
  );
});

/** Key, nonce and first block of test case 16 in the specification of GCM, by McGrew and Viega. */
test('the published ciphertext comes out', () => {
  const key = Buffer.from(
    'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    'hex',
  );
  const nonce = Buffer.from('cafebabefacedbaddecaf888', 'hex');
  const text = Buffer.from('d9313225f88406e5a55909c5aff5269a', 'hex');
  const front = Buffer.from('feedfacedeadbeeffeedfacedeadbeefab', 'hex');
  const own = sealed(cipherOf({ key, front, nonce, text }), { key, front, nonce, text });
  expect(own.subarray(0, 16).toString('hex')).toBe('522dc1f099567d07f47f37a32a84427d');
});

test('a text that is too long, and a front of another length, are mistakes', () => {
  const key = createSecretKey(Buffer.alloc(32));
  expect(() => new BoxCipher(key, Buffer.alloc(16))).toThrow('17 bytes');
  const long = { key: Buffer.alloc(32), front: Buffer.alloc(17), nonce: Buffer.alloc(12) };
  const text = Buffer.alloc(longestText + 1);
  expect(() => sealed(cipherOf({ ...long, text }), { ...long, text })).toThrow('too long');
});
