import type { NanoUsd } from '../../schemas/money.ts';

/** Who has a part of a shared cost, and by how much. */
export interface Weight {
  readonly key: string;
  readonly weight: bigint; // Not negative.
}

export interface Share {
  readonly key: string;
  readonly amount: NanoUsd;
}

/** That nobody has anything by which a cost could be shared. */
export class NoBasis extends Error {
  override readonly name = 'NoBasis';
}

/**
 * Shares a cost by weights, to the nano-dollar: everybody has his part rounded towards zero, and what is left goes, one
 * by one, to those whose parts lost most by it; among equals to the first by key. The sum of all is the whole.
 */
export function allocate(total: NanoUsd, weights: readonly Weight[]): readonly Share[] {
  const sum = weights.reduce((all, { weight }) => all + weight, 0n);
  if (sum <= 0n || weights.some(({ weight }) => weight < 0n))
    throw new NoBasis('there is nothing to share a cost by: every weight is zero, or one is less');
  const sign = total < 0n ? -1n : 1n;
  const size = total * sign;
  const parts = weights.map(({ key, weight }, index) => {
    const exact = size * weight;
    return { key, index, amount: exact / sum, rest: exact % sum };
  });
  const given = parts.reduce((all, { amount }) => all + amount, 0n);
  const first = parts
    .toSorted((a, b) => (a.rest === b.rest ? (a.key < b.key ? -1 : 1) : a.rest > b.rest ? -1 : 1))
    .slice(0, Number(size - given));
  const luckier = new Set(first.map(({ index }) => index));
  return parts.map(({ key, index, amount }) => ({
    key,
    amount: sign * (amount + (luckier.has(index) ? 1n : 0n)),
  }));
}
