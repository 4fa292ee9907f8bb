/** An exact fraction; its denominator is positive. No noise ever passes through a floating-point number. */
export interface Ratio {
  readonly n: bigint;
  readonly d: bigint;
}

/** The greatest whole number that is not above the square root of another. */
export function rootBelow(square: bigint): bigint {
  if (square < 2n) return square;
  let guess = 1n << BigInt((square.toString(2).length + 1) >> 1); // Not below the root: from here on it only falls.
  for (;;) {
    const next = (guess + square / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** The whole number nearest to a fraction; of two equally near, the one away from zero. */
export function nearest({ n, d }: Ratio): bigint {
  const size = n < 0n ? -n : n;
  const rounded = (2n * size + d) / (2n * d);
  return n < 0n ? -rounded : rounded;
}
