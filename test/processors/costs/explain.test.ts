import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  explain,
  type Moved,
  type Spent,
  type SpentLater,
} from '../../../processors/costs/explain.ts';

const nano = fc.bigInt(0n, 10n ** 12n);
const spent = fc.record({
  tenant: fc.constantFrom('a', 'b'),
  unit: fc.constantFrom('call', 'event'),
  operation: fc.constantFrom('list', 'get'),
  dataset: fc.constantFrom('', 'orders'),
  quantity: fc.bigInt(0n, 10n ** 15n),
  nanoUsd: nano,
});
const unique = <T extends Spent>(one: fc.Arbitrary<T>) =>
  fc.uniqueArray(one, {
    selector: ({ tenant, unit, operation, dataset }) => [tenant, unit, operation, dataset].join(),
    maxLength: 8,
  });
const later = fc
  .tuple(spent, nano)
  .map(([line, atOldPrices]): SpentLater => ({ ...line, atOldPrices }));
const added = fc.array(
  fc.record({ name: fc.constantFrom('rent', 'correction'), nanoUsd: fc.bigInt(-1_000n, 1_000n) }),
  {
    maxLength: 3,
  },
);

const differenceOf = ({ volume, price, mix, allocation }: Moved) =>
  volume + price + mix + allocation;
const sum = (all: readonly { readonly nanoUsd: bigint }[]) =>
  all.reduce((total, { nanoUsd }) => total + nanoUsd, 0n);

test('volume, price, mix and allocation add up to the difference, of each line and of all', () => {
  fc.assert(
    fc.property(
      unique(spent),
      unique(later),
      added,
      added,
      (before, after, addedBefore, addedAfter) => {
        const moved = explain(before, after, { before: addedBefore, after: addedAfter });
        for (const each of moved) expect(differenceOf(each)).toBe(each.after - each.before);
        expect(moved.reduce((total, each) => total + each.before, 0n)).toBe(
          sum(before) + sum(addedBefore),
        );
        expect(moved.reduce((total, each) => total + each.after, 0n)).toBe(
          sum(after) + sum(addedAfter),
        );
      },
    ),
  );
});

const line = { tenant: 'a', unit: 'call', operation: 'list', dataset: '' };

test('twice as much of everything is volume, another price is price, and another part of the same is mix', () => {
  const before: Spent[] = [
    { ...line, quantity: 10n, nanoUsd: 100n },
    { ...line, operation: 'get', quantity: 10n, nanoUsd: 100n },
  ];
  const at = (list: bigint, get: bigint, price: bigint): SpentLater[] => [
    { ...line, quantity: list, nanoUsd: list * price, atOldPrices: list * 10n },
    { ...line, operation: 'get', quantity: get, nanoUsd: get * price, atOldPrices: get * 10n },
  ];
  const effects = (after: readonly SpentLater[]) =>
    explain(before, after, { before: [], after: [] }).map(({ volume, price, mix }) => [
      volume,
      price,
      mix,
    ]);
  expect(effects(at(20n, 20n, 10n))).toEqual([
    [100n, 0n, 0n],
    [100n, 0n, 0n],
  ]);
  expect(effects(at(10n, 10n, 15n))).toEqual([
    [0n, 50n, 0n],
    [0n, 50n, 0n],
  ]);
  expect(effects(at(15n, 5n, 10n))).toEqual([
    [0n, 0n, 50n],
    [0n, 0n, -50n],
  ]);
});

test('what was not used before is all volume, and what is not used any more is its loss', () => {
  const some = { ...line, quantity: 4n, nanoUsd: 40n };
  expect(explain([], [{ ...some, atOldPrices: 40n }], { before: [], after: [] })).toMatchObject([
    { before: 0n, after: 40n, volume: 40n, price: 0n, mix: 0n },
  ]);
  expect(explain([some], [], { before: [], after: [] })).toMatchObject([
    { before: 40n, after: 0n, volume: -40n, price: 0n, mix: 0n },
  ]);
});
