import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ff1 } from '../../schemas/ff1.ts';

const bytes = (hex: string) => Buffer.from(hex, 'hex');
const key = bytes('2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94');
const tenDigits = '39383736353433323130';
const sevens = '3737373770717273373737';

const numberOf = (text: string, radix: number) =>
  text.split('').reduce((n, each) => n * BigInt(radix) + BigInt(Number.parseInt(each, radix)), 0n);

/** The samples of NIST for FF1 (SP 800-38G): 128, 192 and 256 bits are the first so many of one key. */
test.for([
  [1, 128, '', 10, '0123456789', '2433477484'],
  [2, 128, tenDigits, 10, '0123456789', '6124200773'],
  [3, 128, sevens, 36, '0123456789abcdefghi', 'a9tv40mll9kdu509eum'],
  [4, 192, '', 10, '0123456789', '2830668132'],
  [5, 192, tenDigits, 10, '0123456789', '2496655549'],
  [6, 192, sevens, 36, '0123456789abcdefghi', 'xbj3kv35jrawxv32ysr'],
  [7, 256, '', 10, '0123456789', '6657667009'],
  [8, 256, tenDigits, 10, '0123456789', '1001623463'],
  [9, 256, sevens, 36, '0123456789abcdefghi', 'xs8a0azh2avyalyzuwd'],
] as const)('sample %i of NIST, AES-%i', ([, bits, tweak, radix, text, want]) => {
  const ff1 = new Ff1(createSecretKey(key.subarray(0, bits / 8)), bytes(tweak), radix);
  const made = ff1.encrypt(numberOf(text, radix), text.length);
  expect(made.toString(radix).padStart(text.length, '0')).toBe(want);
});

test('the texts of six bits go to each other, one by one, whatever the tweak', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (tweak) => {
      const ff1 = new Ff1(createSecretKey(key), Buffer.from(tweak), 2);
      const made = Array.from({ length: 64 }, (_, n) => ff1.encrypt(BigInt(n), 6));
      expect(made.toSorted((a, b) => Number(a - b))).toEqual(
        Array.from({ length: 64 }, (_, n) => BigInt(n)),
      );
    }),
    { numRuns: 30 },
  );
});

test('128 digits, of which each round takes more than a block, are those that another implementation makes', () => {
  const ff1 = new Ff1(createSecretKey(key), Buffer.alloc(0), 10);
  expect(`${ff1.encrypt(1n, 128)}`).toBe(
    '5313208460245500170729629785309073617066228726250654392048112924' +
      '3780594715944825249261122770501868157778990577495063812636863686',
  );
});
