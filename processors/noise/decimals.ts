import { nearest } from './ratio.ts';

/** A number as people write it, in whole units of so many digits after the point; null for what is no number. */
export function unitsOf(text: string, decimals: number): bigint | null {
  const found = /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (!found) return null;
  const [, sign, whole = '', part = '', exponent = '0'] = found;
  if (whole === '' && part === '') return null;
  const digits = BigInt(whole + part);
  const shift = decimals - part.length + Number(exponent);
  const size =
    shift >= 0 ? digits * 10n ** BigInt(shift) : nearest({ n: digits, d: 10n ** BigInt(-shift) });
  return sign === '-' ? -size : size;
}

/** Whole units as the number that they are. */
export function textOf(units: bigint, decimals: number): string {
  if (decimals === 0) return `${units}`;
  const size = `${units < 0n ? -units : units}`.padStart(decimals + 1, '0');
  const point = size.length - decimals;
  return `${units < 0n ? '-' : ''}${size.slice(0, point)}.${size.slice(point)}`;
}
