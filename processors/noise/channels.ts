import type { TableContract } from '../../contracts/contract.ts';
import type { Query } from '../../contracts/dp.ts';
import { unchanged, type Row, type Unchanged, type Value } from '../../schemas/value.ts';
import { textOf, unitsOf } from './decimals.ts';
import { nearest } from './ratio.ts';

/**
 * One measure of a query: whole numbers, one for each cell, to which a row adds no more than `most` in all.
 * A count, a sum or a histogram is one; a mean is two.
 */
export interface Channel {
  readonly name: string; // Among those of its query.
  readonly cells: number;
  readonly most: bigint;
  /** What a row adds, and to which cell; null if it adds nothing. */
  readonly adds: (row: Row) => { readonly cell: number; readonly units: bigint } | null;
}

/** What is published of a query, given what its channels say with noise. */
export interface Series {
  readonly bucket: string | null; // Null but for histograms.
  /** Null if there is nothing to divide by. */
  readonly value: (noisy: readonly (readonly bigint[])[]) => string | null;
}

export interface Measured {
  readonly channels: readonly Channel[];
  readonly series: readonly Series[];
  readonly decimals: number; // Of one unit of its first channel.
}

/** How a query is measured. */
export function measured(query: Query, contract: TableContract): Measured {
  switch (query.kind) {
    case 'count':
      return { channels: [countOf(query.column)], series: [first(0)], decimals: 0 };
    case 'sum': {
      const number = numberOf(query, contract);
      const { low, high, decimals } = number;
      const most = -low > high ? -low : high;
      return {
        channels: [sumOf(number, most, (units) => units)],
        series: [first(decimals)],
        decimals,
      };
    }
    case 'mean':
      return meanOf(numberOf(query, contract));
    case 'histogram':
      return histogramOf(query, contract);
  }
}

const first = (decimals: number): Series => ({
  bucket: null,
  value: ([channel]) => textOf(channel?.[0] ?? 0n, decimals),
});

const countOf = (column: string | null): Channel => ({
  name: 'count',
  cells: 1,
  most: 1n,
  adds: (row) => (column === null || isValue(row[column]) ? { cell: 0, units: 1n } : null),
});

interface Numbers {
  readonly low: bigint;
  readonly high: bigint;
  readonly decimals: number;
  /** The value of a row, no less and no greater than the bounds. */
  readonly of: (row: Row) => bigint | null;
}

function numberOf(
  { column, bounds }: Extract<Query, { kind: 'sum' | 'mean' }>,
  contract: TableContract,
): Numbers {
  const decimals = decimalsOf(contract, column);
  const [low, high] = bounds.map((bound) => unitsOf(`${bound}`, decimals) ?? 0n) as [
    bigint,
    bigint,
  ];
  return {
    low,
    high,
    decimals,
    of(row) {
      const value = row[column];
      const units = isValue(value) ? numberUnits(value, decimals) : null;
      if (units === null) return null;
      return units < low ? low : units > high ? high : units;
    },
  };
}

const sumOf = (numbers: Numbers, most: bigint, shown: (units: bigint) => bigint): Channel => ({
  name: 'sum',
  cells: 1,
  most,
  adds(row) {
    const units = numbers.of(row);
    return units === null ? null : { cell: 0, units: shown(units) };
  },
});

/** The sum is taken of how far values are from the middle of their bounds, in halves of a unit: that is half as much. */
function meanOf(numbers: Numbers): Measured {
  const { low, high } = numbers;
  const decimals = numbers.decimals + extraDecimals;
  const sum = sumOf(numbers, high - low, (units) => 2n * units - low - high);
  const count: Channel = {
    ...countOf(null),
    adds: (row) => (numbers.of(row) === null ? null : { cell: 0, units: 1n }),
  };
  const value: Series['value'] = ([sums, counts]) => {
    const off = sums?.[0] ?? 0n;
    const among = counts?.[0] ?? 0n;
    if (among < 1n) return null;
    const scale = 10n ** BigInt(extraDecimals);
    const mean = nearest({ n: (off + (low + high) * among) * scale, d: 2n * among });
    const [least, greatest] = [low * scale, high * scale];
    return textOf(mean < least ? least : mean > greatest ? greatest : mean, decimals);
  };
  return { channels: [sum, count], series: [{ bucket: null, value }], decimals: numbers.decimals };
}

const extraDecimals = 2; // A mean has more digits than what it is a mean of.

function histogramOf(
  { column, buckets }: Extract<Query, { kind: 'histogram' }>,
  contract: TableContract,
): Measured {
  const edges = buckets.every((each) => typeof each === 'number') ? buckets : null;
  const decimals = edges ? decimalsOf(contract, column) : 0;
  const bounds = edges?.map((edge) => unitsOf(`${edge}`, decimals) ?? 0n);
  const names = edges ? edgeNames(edges) : [...buckets.map(String), 'other'];
  const cellOf = (value: Exclude<Value, null>): number | null => {
    if (!bounds) {
      const at = names.indexOf(`${value}`);
      return at < 0 || at === names.length - 1 ? names.length - 1 : at;
    }
    const units = numberUnits(value, decimals);
    return units === null ? null : bounds.filter((edge) => edge <= units).length;
  };
  const channel: Channel = {
    name: 'histogram',
    cells: names.length,
    most: 1n,
    adds(row) {
      const value = row[column];
      const cell = isValue(value) ? cellOf(value) : null;
      return cell === null ? null : { cell, units: 1n };
    },
  };
  const series = names.map((bucket, cell): Series => ({
    bucket,
    value: ([cells]) => `${cells?.[cell] ?? 0n}`,
  }));
  return { channels: [channel], series, decimals: 0 };
}

/** What is below the first edge, between each two, and from the last on. */
const edgeNames = (edges: readonly number[]): readonly string[] => [
  `<${edges[0]}`,
  ...edges.slice(1).map((edge, at) => `${edges[at]}..${edge}`),
  `>=${edges.at(-1)}`,
];

/** As many as the type has, or two where it has no limit. */
function decimalsOf({ columns }: TableContract, column: string): number {
  const type = columns.find(({ name }) => name === column)?.type ?? '';
  if (/^(?:smallint|integer|bigint)$/.test(type)) return 0;
  return Number(/^numeric\(\d+, ?(\d+)\)$/.exec(type)?.[1] ?? 2);
}

const numberUnits = (value: Exclude<Value, null>, decimals: number): bigint | null =>
  typeof value === 'boolean' ? null : unitsOf(`${value}`, decimals);

const isValue = (value: Value | Unchanged | undefined): value is Exclude<Value, null> =>
  value !== null && value !== undefined && value !== unchanged;
