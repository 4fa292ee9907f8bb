/** The probability that chi-square of so many degrees of freedom is this great or greater, if all is as it should be. */
export const chiSquareTail = (statistic: number, freedom: number): number =>
  upperGamma(freedom / 2, statistic / 2);

/** How far counts are from what was expected of `n` draws; the last cell is all that is in no other. */
export function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((sum, count) => sum + count, 0);
  const statistic = counts.reduce((sum, count, at) => {
    const expected = n * (probabilities[at] ?? 0);
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  return chiSquareTail(statistic, counts.length - 1);
}

/** Γ(a, x) / Γ(a): by its series where that converges fast, else by its continued fraction. */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let [term, sum] = [1 / a, 1 / a];
    for (let n = 1; term > sum * 1e-16; n++) sum += term *= x / (a + n);
    return 1 - front * sum;
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 10_000; n++) {
    const step = -n * (n - a);
    b += 2;
    d = 1 / (step * d + b);
    c = b + step / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * fraction;
}

/** By Stirling's series, far enough out. */
function logGamma(a: number): number {
  let shift = 0;
  let x = a;
  for (; x < 20; x++) shift += Math.log(x);
  const [i, i2] = [1 / x, 1 / (x * x)];
  const series = i * (1 / 12 - i2 * (1 / 360 - i2 / 1260));
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - shift;
}

/** The standard normal distribution function, far into its tails. */
export const normal = (x: number): number =>
  x < 0 ? upperGamma(0.5, (x * x) / 2) / 2 : 1 - upperGamma(0.5, (x * x) / 2) / 2;

/** Where a falling function crosses zero. */
export function crossing(falling: (x: number) => number, low: number, high: number): number {
  let [from, to] = [low, high];
  for (let step = 0; step < 200; step++) {
    const middle = (from + to) / 2;
    if (falling(middle) > 0) from = middle;
    else to = middle;
  }
  return to;
}

/** The probabilities of a discrete Laplace of a scale, from −reach to reach. */
export function laplace(scale: number, reach: number): readonly number[] {
  const a = Math.exp(-1 / scale);
  return line(reach).map((x) => ((1 - a) / (1 + a)) * a ** Math.abs(x));
}

/** The probabilities of a discrete Gaussian, from −reach to reach. */
export function gaussian(variance: number, reach: number): readonly number[] {
  const weight = (x: number) => Math.exp(-(x * x) / (2 * variance));
  const far = Math.ceil(40 * Math.sqrt(variance)) + 1;
  const whole = line(far).reduce((sum, x) => sum + weight(x), 0);
  return line(reach).map((x) => weight(x) / whole);
}

export const line = (reach: number): readonly number[] =>
  Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
