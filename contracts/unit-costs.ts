import { z } from 'zod';
import { exactOf, type NanoUsd, nanoUsdOf, wholeOf } from '../schemas/money.ts';
import { quantityDecimals } from '../schemas/usage.ts';
import { CannotRun } from './cannot-run.ts';
import { yamlContract } from './yaml-contract.ts';

/** What a unit costs up to some quantity of a month, in parts of it; the last tier has no end. */
export interface PriceTier {
  readonly upTo: bigint | null;
  readonly nanoUsd: NanoUsd;
}

/** A price, and the days on which it counts: from one, and up to but without another. */
export interface Price {
  readonly from: string; // YYYY-MM-DD, by UTC; '' is for ever.
  readonly until: string | null;
  readonly tiers: readonly PriceTier[];
}

/** One metered thing that has a price. */
export interface Unit {
  readonly name: string;
  readonly decimals: number; // Of a quantity; 0 is whole numbers only.
  readonly prices: readonly Price[];
  readonly tenants: ReadonlyMap<string, readonly Price[]>; // Whose own prices count where they have one.
}

export type UnitCosts = ReadonlyMap<string, Unit>;

const amount = z.union([z.number(), z.string()]); // A text is read as it is, and not by way of a double.
const day = z.iso.date('is no day: write YYYY-MM-DD');
const tier = z.strictObject({ up_to: amount.optional(), price: amount });
const price = z.strictObject({
  from: day,
  until: day.optional(),
  price: amount.optional(),
  tiers: z.array(tier).min(1).optional(),
});
const prices = z.union([amount, z.array(price).min(1)], {
  error: 'is neither a price nor a list of prices with the day that each counts from',
});
const unit = z.union(
  [
    amount,
    z.strictObject({
      decimals: z.int().min(0).max(12).default(0),
      price: prices,
      tenants: z.record(z.string().min(1), prices).default({}),
    }),
  ],
  { error: 'is neither a price nor { decimals, price, tenants }' },
);
const name = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'is no name of a unit');
const document = z.object({ unit_costs: z.record(name, unit) });

type Prices = z.infer<typeof prices>;

/** Reads what units cost. Whatever is wrong is told with the field that it is in. */
export function unitCostsOf(text: string, where: string): UnitCosts {
  const contract = yamlContract(text, where, document);
  return new Map(
    Object.entries(contract.unit_costs).map(([unitName, said]) => {
      const {
        decimals,
        price: own,
        tenants,
      } = typeof said === 'object' ? said : { decimals: 0, price: said, tenants: {} };
      const at = `unit_costs.${unitName}`;
      const read = (of: Prices, field: string) => pricesOf(of, decimals, { where, field });
      const unit: Unit = {
        name: unitName,
        decimals,
        prices: read(own, `${at}.price`),
        tenants: new Map(
          Object.entries(tenants).map(([tenant, theirs]) => [
            tenant,
            read(theirs, `${at}.tenants.${tenant}`),
          ]),
        ),
      };
      return [unitName, unit];
    }),
  );
}

interface Place {
  readonly where: string;
  readonly field: string;
}

function pricesOf(said: Prices, decimals: number, place: Place): readonly Price[] {
  if (!Array.isArray(said))
    return [{ from: '', until: null, tiers: [{ upTo: null, nanoUsd: nanoOf(said, place) }] }];
  const all = said.map(({ from, until = null, price: flat, tiers }, index) => {
    const at = { ...place, field: `${place.field}.${index}` };
    if ((flat === undefined) === (tiers === undefined))
      throw refused(
        place.where,
        `${at.field} has ${tiers ? 'both price and' : 'neither price nor'} tiers`,
        'write one of them',
      );
    if (until !== null && until <= from)
      throw refused(place.where, `${at.field}.until is not after its from`, 'correct one of them');
    return { from, until, tiers: tiersOf(tiers ?? [{ price: flat ?? 0 }], decimals, at) };
  });
  const sorted = all.toSorted((a, b) => (a.from < b.from ? -1 : 1));
  return sorted.map((each, index) => {
    const next = sorted[index + 1];
    if (next && (next.from === each.from || (each.until !== null && each.until > next.from)))
      throw refused(
        place.where,
        `${place.field}: two prices count on ${next.from}`,
        'end the earlier one where the later begins, or leave its until out',
      );
    return { ...each, until: each.until ?? next?.from ?? null };
  });
}

function tiersOf(
  said: readonly z.infer<typeof tier>[],
  decimals: number,
  place: Place,
): readonly PriceTier[] {
  let before = 0n;
  return said.map(({ up_to, price: own }, index) => {
    const at = { ...place, field: `${place.field}.tiers.${index}` };
    const isLast = index === said.length - 1;
    if (isLast !== (up_to === undefined))
      throw refused(
        place.where,
        `${at.field}.up_to is ${isLast ? 'there' : 'missing'}`,
        'every tier but the last says up to where it goes',
      );
    const nanoUsd = nanoOf(own, at);
    if (up_to === undefined) return { upTo: null, nanoUsd };
    const exact = exactOf(`${up_to}`);
    const upTo = exact && exact.decimals <= decimals ? wholeOf(exact, quantityDecimals) : null;
    if (upTo === null || upTo <= before)
      throw refused(
        place.where,
        `${at.field}.up_to is not more than the tier before`,
        'let tiers grow',
      );
    before = upTo;
    return { upTo, nanoUsd };
  });
}

function nanoOf(said: number | string, { where, field }: Place): NanoUsd {
  const nano = nanoUsdOf(`${said}`);
  if (nano === null || nano < 0n)
    throw refused(
      where,
      `${field} is no price in whole nano-dollars`,
      'write dollars with nine digits behind the point at most, for example 0.000002',
    );
  return nano;
}

/** What counts for a tenant on a day: his own price if he has one then, otherwise everybody's; null if there is none. */
export function priceOn({ prices, tenants }: Unit, tenant: string, day: string): Price | null {
  const counts = ({ from, until }: Price) => from <= day && (until === null || day < until);
  return tenants.get(tenant)?.find(counts) ?? prices.find(counts) ?? null;
}

/** From a day on, up to the next period, these tiers count; none where there is no price. */
export interface PricePeriod {
  readonly from: string;
  readonly tiers: readonly PriceTier[];
}

const firstDay = '1970-01-01';

/** The prices of a tenant, or of all others for '', one after the other and without a gap. */
export function pricePeriods(unit: Unit, tenant: string): readonly PricePeriod[] {
  const all = [...unit.prices, ...(unit.tenants.get(tenant) ?? [])];
  const days = all.flatMap(({ from, until }) => [from, ...(until === null ? [] : [until])]);
  const periods: { readonly from: string; readonly price: Price | null }[] = [];
  for (const day of [...new Set([firstDay, ...days.filter((day) => day > firstDay)])].toSorted()) {
    const price = priceOn(unit, tenant, day);
    if (periods.length === 0 || periods.at(-1)?.price !== price) periods.push({ from: day, price });
  }
  return periods.map(({ from, price }) => ({ from, tiers: price?.tiers ?? [] }));
}

const refused = (where: string, what: string, fix: string) => new CannotRun({ what, where, fix });
