import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { Bits } from '../../../processors/noise/bits.ts';
import { discreteGaussian, discreteLaplace } from '../../../processors/noise/samplers.ts';
import { chiSquare } from './statistics.ts';

const key = createSecretKey(Buffer.from('00'.repeat(31) + '07', 'hex'));

const bytes = (bits: Bits, count: number) =>
  Buffer.from(Array.from({ length: count }, () => Number(bits.below(256n))));

test('the stream is AES-256-CTR under the HMAC-SHA-256 of its name, as OpenSSL makes it', () => {
  expect(bytes(new Bits(key, ['noise', 'orders', 3]), 160).toString('hex')).toBe(
    [
      '9455000dd1e87b07dc3479e225f122b2c44755f8fa5803535efb2a1c93acc9f0a11352174e28a1ef',
      '979bc70966749861562cbb56fb29273ddabef65f71bedde5c9dfc1cd54944f98dd48d0e14d04140d',
      '8f7f2423d96fbb199fa15ae9fd4a024d6942433e4caf278e4e3ee5d8e01206dd551de92e9522ad7a',
      '15080e71e7fcc3aa06a8f855c1668ea0e1d141eb20a070e8ac2751ea592f3e60c23552be75d89a3f',
    ].join(''),
  );
});

test('the same name gives the same bits whatever else is drawn, and another name gives others', () => {
  const one = new Bits(key, ['a', 1]);
  const other = new Bits(key, ['a', 2]);
  const mixed = Array.from({ length: 50 }, () => [one.below(1_000n), other.below(1_000n)]);
  const again = new Bits(key, ['a', 2]);
  const alone = Array.from({ length: 50 }, () => again.below(1_000n));
  expect(mixed.map(([, drawn]) => drawn)).toEqual(alone);
  expect(mixed.map(([drawn]) => drawn)).not.toEqual(alone);
});

test('a number below a bound that is no power of two is as likely as each of the others', () => {
  const source = new Bits(key, ['below']);
  const counts = Array<number>(7).fill(0);
  for (let n = 0; n < 14_000; n++) {
    const drawn = Number(source.below(7n));
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  expect(chiSquare(counts, Array<number>(7).fill(1 / 7))).toBeGreaterThan(1e-6);
  expect(source.below(1n)).toBe(0n);
  expect(() => source.below(0n)).toThrow(RangeError);
});

test('what a name draws is the same for ever', () => {
  const drawn = (name: string, sampler: typeof discreteLaplace, n: bigint, d: bigint) =>
    Array.from({ length: 8 }, (_, at) => `${sampler(new Bits(key, [name, at]), { n, d })}`).join(
      ' ',
    );
  expect(drawn('laplace', discreteLaplace, 7n, 2n)).toBe('0 1 1 1 2 5 -2 -6');
  expect(drawn('laplace', discreteLaplace, 10n ** 12n, 3n)).toBe(
    '64445671151 112414788895 47729401332 332927125702 812198604428 212948263331 -30136219124 -295123864818',
  );
  expect(drawn('gaussian', discreteGaussian, 205292n, 10_000n)).toBe('0 -1 0 -5 -8 1 -4 -4');
});
