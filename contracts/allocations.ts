import { z } from 'zod';
import { exactOf, type NanoUsd, nanoUsdOf, wholeOf } from '../schemas/money.ts';
import { quantityDecimals } from '../schemas/usage.ts';
import { CannotRun } from './cannot-run.ts';
import type { UnitCosts } from './unit-costs.ts';
import { yamlContract } from './yaml-contract.ts';

/** By what a cost is shared: by use of some units, by weights or amounts that are given, or to each as much. */
export type Sharing =
  | { readonly method: 'ratio'; readonly units: readonly string[] }
  | { readonly method: 'weighted'; readonly weights: ReadonlyMap<string, bigint> }
  | { readonly method: 'fixed'; readonly amounts: ReadonlyMap<string, NanoUsd> }
  | { readonly method: 'even' };

/** A cost that all share, and what it is in months. */
export interface Allocation {
  readonly name: string;
  readonly sharing: Sharing;
  readonly costs: ReadonlyMap<string, NanoUsd>; // By month, YYYY-MM.
}

const amount = z.union([z.number(), z.string()]);
const month = /^\d{4}-(?:0[1-9]|1[0-2])$/;
const costs = z.record(z.string(), amount).default({});
const form = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('ratio'), keys: z.array(z.string()).min(1), costs }),
  z.strictObject({ method: z.literal('weighted'), weights: z.record(z.string(), amount), costs }),
  z.strictObject({ method: z.literal('fixed'), amounts: z.record(z.string(), amount), costs }),
  z.strictObject({ method: z.literal('even'), costs }),
]);
const document = z.object({ allocations: z.record(z.string().min(1), form) });

/** Reads what is shared, and by what. Whatever is wrong is told with the field that it is in. */
export function allocationsOf(
  text: string,
  where: string,
  units: UnitCosts,
): readonly Allocation[] {
  const { allocations } = yamlContract(text, where, document);
  return Object.entries(allocations).map(([name, said]): Allocation => {
    const at = `allocations.${name}`;
    const dollars = (of: Readonly<Record<string, number | string>>, field: string) =>
      new Map(
        Object.entries(of).map(([key, value]) => [key, nanoOf(value, where, `${field}.${key}`)]),
      );
    const odd = Object.keys(said.costs).find((key) => !month.test(key));
    if (odd !== undefined)
      throw refused(where, `${at}.costs.${odd} is no month`, 'write months as YYYY-MM, in quotes');
    const all = dollars(said.costs, `${at}.costs`);
    switch (said.method) {
      case 'ratio': {
        const named = said.keys.map((key, n) => unitOf(key, units, where, `${at}.keys.${n}`));
        return { name, sharing: { method: 'ratio', units: named }, costs: all };
      }
      case 'weighted': {
        const weights = new Map(
          Object.entries(said.weights).map(([key, value]) => [
            key,
            weightOf(value, where, `${at}.weights.${key}`),
          ]),
        );
        return { name, sharing: { method: 'weighted', weights }, costs: all };
      }
      case 'fixed': {
        const amounts = dollars(said.amounts, `${at}.amounts`);
        const sum = [...amounts.values()].reduce((total, each) => total + each, 0n);
        const other = [...all].find(([, cost]) => cost !== sum);
        if (other)
          throw refused(
            where,
            `${at}.costs.${other[0]} is not the sum of its amounts`,
            'correct one of them',
          );
        return { name, sharing: { method: 'fixed', amounts }, costs: all };
      }
      case 'even':
        return { name, sharing: { method: 'even' }, costs: all };
    }
  });
}

/** A key names a unit, in the singular or, as in `graphql_calls`, in the plural. */
function unitOf(key: string, units: UnitCosts, where: string, field: string): string {
  const name = [key, key.replace(/s$/, '')].find((each) => units.has(each));
  if (name !== undefined) return name;
  throw refused(
    where,
    `${field} is no unit of the unit costs`,
    `write one of ${[...units.keys()].join(', ')}`,
  );
}

function nanoOf(said: number | string, where: string, field: string): NanoUsd {
  const nano = nanoUsdOf(`${said}`);
  if (nano !== null && nano >= 0n) return nano;
  throw refused(
    where,
    `${field} is no amount in whole nano-dollars`,
    'write dollars, for example 1200.50',
  );
}

function weightOf(said: number | string, where: string, field: string): bigint {
  const exact = exactOf(`${said}`);
  const weight = exact && wholeOf(exact, quantityDecimals);
  if (weight !== null && weight >= 0n) return weight;
  throw refused(where, `${field} is no weight`, 'write a number that is not negative');
}

const refused = (where: string, what: string, fix: string) => new CannotRun({ what, where, fix });
