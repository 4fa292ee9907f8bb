import { dividedEvenly, type NanoUsd } from '../../schemas/money.ts';

/** What a tenant used of a unit in a month by one operation of one dataset, and what it cost. */
export interface Spent {
  readonly tenant: string;
  readonly unit: string;
  readonly operation: string;
  readonly dataset: string;
  readonly quantity: bigint; // In parts.
  readonly nanoUsd: NanoUsd;
}

/** The same of the later month, and what it would have cost at the prices of the earlier one. */
export interface SpentLater extends Spent {
  readonly atOldPrices: NanoUsd;
}

/** Something that is added to what usage costs: a correction of an earlier month, or a share of what all share. */
export interface Added {
  readonly name: string;
  readonly nanoUsd: NanoUsd;
}

/** Why a figure moved. The four effects add up to the difference, exactly. */
export interface Moved {
  readonly unit: string;
  readonly operation: string;
  readonly dataset: string;
  readonly before: NanoUsd;
  readonly after: NanoUsd;
  readonly volume: NanoUsd; // More or less of the unit was used.
  readonly price: NanoUsd; // What was used costs more or less.
  readonly mix: NanoUsd; // It is another part of all that was used of the unit, or in another tier.
  readonly allocation: NanoUsd; // Shares of what all share, and corrections.
}

/**
 * Says of every unit, operation and dataset why its cost moved. A line grows by volume as all of its unit did, of the same
 * tenant; by price as what was used costs otherwise; and what is left is mix.
 */
export function explain(
  before: readonly Spent[],
  after: readonly SpentLater[],
  added: { readonly before: readonly Added[]; readonly after: readonly Added[] },
): readonly Moved[] {
  const moved = new Map<string, Moved>();
  const add = ({ unit, operation, dataset }: Labels, more: Partial<Moved>) => {
    const name = JSON.stringify([unit, operation, dataset]);
    const had = moved.get(name) ?? { ...amounts, unit, operation, dataset };
    const sum = (effect: keyof typeof amounts) => had[effect] + (more[effect] ?? 0n);
    moved.set(name, {
      ...had,
      before: sum('before'),
      after: sum('after'),
      volume: sum('volume'),
      price: sum('price'),
      mix: sum('mix'),
      allocation: sum('allocation'),
    });
  };
  const [totals, laterTotals] = [totalsOf(before), totalsOf(after)];
  const earlier = new Map(before.map((line) => [nameOf(line), line]));
  const later = new Map(after.map((line) => [nameOf(line), line]));
  for (const name of new Set([...earlier.keys(), ...later.keys()])) {
    const [was, is] = [earlier.get(name), later.get(name)];
    const line = was ?? is;
    if (!line) continue;
    const [cost, costs] = [was?.nanoUsd ?? 0n, is?.nanoUsd ?? 0n];
    const price = is ? is.nanoUsd - is.atOldPrices : 0n;
    const unit = unitOf(line);
    const [had, has] = [totals.get(unit) ?? 0n, laterTotals.get(unit) ?? 0n];
    const left = costs - cost - price;
    const volume = had === 0n ? left : dividedEvenly(cost * (has - had), had);
    add(line, { before: cost, after: costs, price, volume, mix: left - volume });
  }
  for (const { name, nanoUsd } of added.before)
    add({ unit: name, operation: '', dataset: '' }, { before: nanoUsd, allocation: -nanoUsd });
  for (const { name, nanoUsd } of added.after)
    add({ unit: name, operation: '', dataset: '' }, { after: nanoUsd, allocation: nanoUsd });
  return [...moved.values()];
}

const amounts = { before: 0n, after: 0n, volume: 0n, price: 0n, mix: 0n, allocation: 0n };
type Labels = Pick<Moved, 'unit' | 'operation' | 'dataset'>;

const unitOf = ({ tenant, unit }: Spent) => JSON.stringify([tenant, unit]);
const nameOf = ({ tenant, unit, operation, dataset }: Spent) =>
  JSON.stringify([tenant, unit, operation, dataset]);

function totalsOf(lines: readonly Spent[]): ReadonlyMap<string, bigint> {
  const totals = new Map<string, bigint>();
  for (const line of lines)
    totals.set(unitOf(line), (totals.get(unitOf(line)) ?? 0n) + line.quantity);
  return totals;
}
