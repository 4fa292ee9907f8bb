import type { Bits } from './bits.ts';
import { type Ratio, rootBelow } from './ratio.ts';

/*
 * The exact samplers of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020):
 * whole numbers and fractions of them, so that what is drawn has exactly the distribution that was proved.
 */

/** Whether an event of probability exp(−γ) happens; γ is not negative. */
export function happensExp(bits: Bits, { n, d }: Ratio): boolean {
  let rest = n;
  for (; rest > d; rest -= d) if (!happensExpOfPart(bits, { n: d, d })) return false;
  return happensExpOfPart(bits, { n: rest, d });
}

/** Draws x with probability proportional to exp(−|x| / scale). */
export function discreteLaplace(bits: Bits, { n: t, d: s }: Ratio): bigint {
  for (;;) {
    const negative = bits.coin();
    const size = geometric(bits, t, s);
    if (!negative || size !== 0n) return negative ? -size : size; // Zero has one sign only.
  }
}

/** Draws x with probability proportional to exp(−x² / 2σ²). */
export function discreteGaussian(bits: Bits, { n, d }: Ratio): bigint {
  const t = rootBelow(n / d) + 1n;
  for (;;) {
    const drawn = discreteLaplace(bits, { n: t, d: 1n });
    const size = drawn < 0n ? -drawn : drawn;
    // (|x| − σ²/t)² / 2σ², over one denominator.
    const off = size * t * d - n;
    if (happensExp(bits, { n: off * off, d: 2n * n * d * t * t })) return drawn;
  }
}

/** Of probability exp(−γ) for γ up to 1: the first k at which an event of probability γ/k fails is odd. */
function happensExpOfPart(bits: Bits, { n, d }: Ratio): boolean {
  let k = 1n;
  while (bits.below(d * k) < n) k++;
  return k % 2n === 1n;
}

/** Draws x ≥ 0 with probability proportional to exp(−x · s / t). */
function geometric(bits: Bits, t: bigint, s: bigint): bigint {
  let part = bits.below(t);
  while (!happensExp(bits, { n: part, d: t })) part = bits.below(t);
  let whole = 0n;
  while (happensExp(bits, { n: 1n, d: 1n })) whole++;
  return (part + t * whole) / s;
}
