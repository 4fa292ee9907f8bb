/** A whole number as Avro's decimal keeps it: two's complement, the greatest byte first, as few as will do. */
export function bytesOfDecimal(unscaled: bigint): Buffer {
  const size = unscaled < 0n ? -unscaled - 1n : unscaled;
  const bits = size === 0n ? 0 : size.toString(2).length;
  const length = (bits >> 3) + 1; // One bit more, for the sign.
  const hex = BigInt.asUintN(length * 8, unscaled).toString(16);
  return Buffer.from(hex.padStart(length * 2, '0'), 'hex');
}

/** The text of a decimal, as the server writes a numeric with so many digits after its point. */
export function decimalText(bytes: Buffer, scale: number): string {
  if (bytes.length <= 6)
    return placed(`${bytes.length === 0 ? 0 : bytes.readIntBE(0, bytes.length)}`, scale);
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  return placed(`${unscaled}`, scale);
}

/** Digits with their point in its place. */
function placed(digits: string, scale: number): string {
  if (scale === 0) return digits;
  const negative = digits.startsWith('-');
  const all = (negative ? digits.slice(1) : digits).padStart(scale + 1, '0');
  const point = all.length - scale;
  return `${negative ? '-' : ''}${all.slice(0, point)}.${all.slice(point)}`;
}
