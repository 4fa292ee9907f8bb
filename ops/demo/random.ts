/** Numbers that look random and are the same for the same seed, on every machine. */
export interface Random {
  /** An integer from 0 up to, and without, the limit. */
  below(limit: number): number;
  pick<T>(list: readonly [T, ...T[]]): T;
  /** True with that probability. */
  chance(probability: number): boolean;
}

export function seeded(seed: number): Random {
  let state = seed | 0;
  /** The mulberry32 generator: 32 bits of state are enough for a shop. */
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    pick: (list) => list[below(list.length)] ?? list[0],
    chance: (probability) => next() < probability,
  };
}
