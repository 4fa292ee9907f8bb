/** A hash of 64 bits, as two halves: numbers of 64 bits would be an object each. */
export interface Halves {
  high: number;
  low: number;
}

/**
 * The server's own `hashtextextended`, so that both ends can say that they hold the same without sending
 * it. (PostgreSQL takes Bob Jenkins' lookup3 for it; servers whose bytes lie the other way round differ.)
 */
export function serverHash(
  data: Uint8Array,
  start: number,
  length: number,
  seed: number, // Not negative.
  out: Halves,
): void {
  let a = (0x9e3779b9 + length + 3923095) | 0;
  let b = a;
  let c = a;
  if (seed !== 0) {
    a = (a + Math.floor(seed / 0x1_0000_0000)) | 0;
    b = (b + seed) | 0;
    [a, b, c] = mixed(a, b, c);
  }
  let at = start;
  const end = start + length;
  for (; end - at >= 12; at += 12) {
    a = (a + word(data, at)) | 0;
    b = (b + word(data, at + 4)) | 0;
    c = (c + word(data, at + 8)) | 0;
    a = (a - c) ^ turned(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ turned(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ turned(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ turned(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ turned(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ turned(b, 4);
    b = (b + a) | 0;
  }
  for (let left = end - at - 1; left >= 0; left--) {
    const byte = data[at + left] ?? 0;
    if (left >= 8) c = (c + (byte << (8 * (left - 7)))) | 0; // The lowest byte is the length's.
    else if (left >= 4) b = (b + (byte << (8 * (left - 4)))) | 0;
    else a = (a + (byte << (8 * left))) | 0;
  }
  c = ((c ^ b) - turned(b, 14)) | 0;
  a = ((a ^ c) - turned(c, 11)) | 0;
  b = ((b ^ a) - turned(a, 25)) | 0;
  c = ((c ^ b) - turned(b, 16)) | 0;
  a = ((a ^ c) - turned(c, 4)) | 0;
  b = ((b ^ a) - turned(a, 14)) | 0;
  c = ((c ^ b) - turned(b, 24)) | 0;
  out.high = b;
  out.low = c;
}

const turned = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

const word = (data: Uint8Array, at: number): number =>
  (data[at] ?? 0) |
  ((data[at + 1] ?? 0) << 8) |
  ((data[at + 2] ?? 0) << 16) |
  ((data[at + 3] ?? 0) << 24);

function mixed(a: number, b: number, c: number): [number, number, number] {
  a = (a - c) ^ turned(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ turned(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ turned(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ turned(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ turned(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ turned(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

/** Both halves as the number that the server prints. */
export const bigOf = ({ high, low }: Halves): bigint => (BigInt(high) << 32n) | BigInt(low >>> 0);
