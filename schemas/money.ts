/** Whole nano-dollars, thousand millionths of a dollar: their sums are exact, in any order. */
export type NanoUsd = bigint;

const nanoDigits = 9;

/** An exact number: `digits` of which the last `decimals` are behind the point. */
export interface Exact {
  readonly digits: bigint;
  readonly decimals: number;
}

/** Reads a decimal as people and YAML write it, `0.000002` or `2e-6`; null for what is none. */
export function exactOf(text: string): Exact | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,2}))?$/i.exec(text) ?? [];
  if (whole === '') return null;
  const decimals = fraction.length - Number(exponent);
  const digits = BigInt(`${whole}${fraction}`) * 10n ** BigInt(Math.max(0, -decimals));
  return trimmed({ digits: sign === '-' ? -digits : digits, decimals: Math.max(0, decimals) });
}

/** The same with no zero at its end that says nothing. */
function trimmed({ digits, decimals }: Exact): Exact {
  while (decimals > 0 && digits % 10n === 0n) {
    digits /= 10n;
    decimals--;
  }
  return { digits, decimals };
}

/** The number in units of which there are ten to the `decimals` in one; null if it is finer than that. */
export function wholeOf({ digits, decimals }: Exact, of: number): bigint | null {
  return decimals > of ? null : digits * 10n ** BigInt(of - decimals);
}

/** Dollars as a text says them; null for what is no amount, or finer than a nano-dollar. */
export function nanoUsdOf(text: string): NanoUsd | null {
  const exact = exactOf(text);
  return exact && wholeOf(exact, nanoDigits);
}

/** Dollars as people read them: no digit more than the amount has, and at least the cents. */
export function usdText(nano: NanoUsd): string {
  const digits = `${nano < 0n ? -nano : nano}`.padStart(nanoDigits + 1, '0');
  const whole = digits.slice(0, -nanoDigits);
  const fraction = digits.slice(-nanoDigits).replace(/0{1,7}$/, '');
  return `${nano < 0n ? '-' : ''}${whole}.${fraction}`;
}

/** Divides, and rounds to the nearest; what lies between two goes to the even one, so that many lines do not drift. */
export function dividedEvenly(dividend: bigint, divisor: bigint): bigint {
  if (divisor <= 0n) throw new RangeError('a divisor is greater than zero');
  const rest = ((dividend % divisor) + divisor) % divisor;
  const floor = (dividend - rest) / divisor;
  const twice = rest * 2n;
  if (twice < divisor) return floor;
  if (twice > divisor) return floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}
