import { numberOf } from './float32.ts';

/** A float of 64 bits as the server writes it. */
export const float8Text = (value: number): string =>
  Number.isFinite(value) ? placed(shortest(value), 15) : `${value}`;

/** A float of 32 bits as the server writes it. */
export const float4Text = (value: number): string =>
  Number.isFinite(value) ? placed(exponential(numberOf(value)), 6) : `${value}`;

/** A number as JavaScript writes it with an exponent, and with the sign of a zero. */
const exponential = (value: number): string =>
  Object.is(value, -0) ? '-0e+0' : value.toExponential();

/** A decimal with its exponent, which stays only from the tenth power `mostPlain` on, and below a ten-thousandth. */
function placed(decimal: string, mostPlain: number): string {
  const [mantissa = '', power = '0'] = decimal.split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= mostPlain) {
    const size = `${Math.abs(exponent)}`.padStart(2, '0');
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** The shortest decimal that is a number and no border between two, which JavaScript would take. */
function shortest(value: number): string {
  const text = exponential(value);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER || !isBorder(text, value)) return text;
  for (let after = text.replace(/e.*|\D/g, '').length; after < 16; after++) {
    const longer = value.toExponential(after);
    if (Number(longer) === value && !isBorder(longer, value)) return longer;
  }
  return value.toExponential(16);
}

/** Whether a decimal above 2^53, a whole number then, lies exactly between a number and its neighbour. */
function isBorder(text: string, value: number): boolean {
  const other = 2n * wholeOf(text) - BigInt(value);
  const neighbour = Number(other);
  return neighbour !== value && Number.isFinite(neighbour) && BigInt(neighbour) === other;
}

function wholeOf(text: string): bigint {
  const [mantissa = '', power = '0'] = text.split('e');
  const [whole = '', after = ''] = mantissa.split('.');
  return BigInt(whole + after) * 10n ** BigInt(Number(power) - after.length);
}
