import { dividedEvenly, type NanoUsd } from '../../schemas/money.ts';

/** What a unit costs up to some quantity; the last has no end. */
export interface Tier {
  readonly upTo: bigint | null; // In parts, as quantities are.
  readonly nanoUsd: NanoUsd; // Of a whole unit.
}

/** So much of a line at one price. */
export interface PricedPart {
  readonly quantity: bigint;
  readonly nanoUsd: NanoUsd;
}

export interface PricedLine {
  readonly amount: NanoUsd;
  readonly parts: readonly PricedPart[];
}

interface Line {
  readonly quantity: bigint; // In parts; negative for what is taken back.
  readonly before: bigint; // What the tenant had of the unit before, in the same month.
  readonly partsPerUnit: bigint;
}

/**
 * Prices a line by graduated tiers: each part of it at the price of the tier that it falls into. All of it is added up
 * before it is rounded, once; so a month that is priced as a whole does not depend on how it came.
 */
export function priceLine(
  tiers: readonly Tier[],
  { quantity, before, partsPerUnit }: Line,
): PricedLine {
  const [from, to] = quantity < 0n ? [before + quantity, before] : [before, before + quantity];
  if (from < 0n) throw new RangeError('more is taken back than there was');
  const parts: PricedPart[] = [];
  let exact = 0n;
  let start = 0n;
  for (const { upTo, nanoUsd } of tiers) {
    const end = upTo ?? (to > start ? to : start);
    const within = least(end, to) - greatest(start, from);
    if (within > 0n) {
      const signed = quantity < 0n ? -within : within;
      parts.push({ quantity: signed, nanoUsd });
      exact += signed * nanoUsd;
    }
    start = end;
  }
  return { amount: dividedEvenly(exact, partsPerUnit), parts };
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);
