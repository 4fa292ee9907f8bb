/** The float of 32 bits that a decimal text is nearest to; null if the text is no such number. */
export function float32Of(text: string): number | null {
  const value = Number(text);
  if (value !== value) return text === 'NaN' ? NaN : null;
  if (text === '') return null;
  const float = Math.fround(value);
  if (Number.isFinite(value) !== Number.isFinite(float)) return null;
  if (!isMiddle(value, float)) return float;
  // The text was rounded to the middle of two floats: which of them it is nearer to, only its digits tell.
  const side = compare(text, value);
  const other = 2 * value - float;
  return side === 0 || side > 0 === float > value ? float : other;
}

/**
 * The number that a float of 32 bits reads as: of the decimals that are this float and no other's border,
 * the shortest, and of these the nearest. So the server prints it, and 1.1 reads as 1.1.
 */
export function numberOf(float: number): number {
  const size = Math.abs(float);
  if (!(size < Infinity) || (size < 0x100_0000 && Number.isInteger(size))) return float;
  let digits = 1;
  if (size >= smallestNormal) {
    const value = Number(float.toPrecision(6)); // A float has no two decimals of six digits.
    if (Math.fround(value) === float && !isMiddle(value, float)) return value;
    digits = 7;
  }
  for (; digits < 9; digits++) {
    const found = shortAs(size, digits);
    if (found !== null) return float < 0 ? -found : found;
  }
  return Number(float.toPrecision(9));
}

const smallestNormal = 2 ** -126;

/** The decimal of so many digits that is a float, if there is one. */
function shortAs(float: number, digits: number): number | null {
  const [mantissa = '', exponent = '0'] = float.toExponential(digits - 1).split('e');
  const nearest = Number(mantissa.replace('.', ''));
  const first = nearest % 2 === 1 && isHalfway(float, digits) ? nearest - 1 : nearest;
  // Below a power of two floats lie closer: the nearest decimal may miss where the next one hits.
  for (const units of [first, first + 1]) {
    const text = `${units}e${Number(exponent) - digits + 1}`;
    if (isWithin(text, float)) return Number(text);
  }
  return null;
}

/** Whether a float lies exactly between two decimals of so many digits. */
function isHalfway(float: number, digits: number): boolean {
  const text = float.toExponential(digits);
  return text.charAt(digits + 1) === '5' && compare(text, float) === 0;
}

/** Whether a decimal is nearer to this float than to any other. */
function isWithin(text: string, float: number): boolean {
  const value = Number(text);
  const rounded = Math.fround(value);
  if (!isMiddle(value, rounded)) return rounded === float;
  return compare(text, value) !== 0 && float32Of(text) === float;
}

/** Whether a number lies exactly between the float that it is rounded to and the next. */
export function isMiddle(value: number, float: number): boolean {
  if (value === float) return false;
  const other = 2 * value - float;
  return Math.fround(other) === other && (other + float) / 2 === value;
}

/** Whether a decimal is less than a number, it, or more: -1, 0 or 1. The number is a float, or lies between two. */
function compare(text: string, value: number): number {
  const [, sign = '', whole = '', after = '', power = '0'] =
    /^(-?)(\d+)\.?(\d*)(?:e([+-]?\d+))?$/.exec(text) ?? [];
  const ten = Number(power) - after.length;
  const digits = BigInt(`${sign}${whole}${after}`) << 150n; // What float ends below 2^-150?
  const exact = BigInt(value * 2 ** 150);
  const left = ten > 0 ? digits * 10n ** BigInt(ten) : digits;
  const right = ten < 0 ? exact * 10n ** BigInt(-ten) : exact;
  return left === right ? 0 : left < right ? -1 : 1;
}
