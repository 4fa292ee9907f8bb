import { hash } from 'node:crypto';
import type { RolloutState } from './rollout.ts';

/** How much of a hundred tenants a wave reaches. */
export const waves = ['70', '90', '100'] as const;

/**
 * The tenants of a wave: the first so many of an order that a salted hash gives, whoever asks and whenever. A
 * later wave holds all of an earlier one, and a wave never reaches fewer than it says.
 */
export function tenantsOf(
  tenants: readonly string[],
  { percent, salt }: { readonly percent: number; readonly salt: string },
): readonly string[] {
  const ordered = [...new Set(tenants)]
    .map((tenant) => ({ tenant, rank: hash('sha256', JSON.stringify([salt, tenant]), 'hex') }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ordered.slice(0, Math.ceil((ordered.length * percent) / 100)).map(({ tenant }) => tenant);
}

/** Whom a wave moves: those of its tenants who are not yet there. It takes nobody back. */
export function movesOf(
  chosen: readonly string[],
  states: ReadonlyMap<string, RolloutState>,
  to: 'shadow' | 'on',
): readonly string[] {
  const isThere = (state: RolloutState) => state === 'on' || state === to;
  return chosen.filter((tenant) => !isThere(states.get(tenant) ?? 'off'));
}
