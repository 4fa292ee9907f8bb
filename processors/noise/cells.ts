/** What came of a query, or is published of it: cell by cell, of each of its channels. */
export type Cells = readonly (readonly bigint[])[];

interface Sized {
  readonly channel: { readonly cells: number };
}

/** A zero for each cell. */
export const nothingOf = (channels: readonly Sized[]): bigint[][] =>
  channels.map(({ channel }) => Array<bigint>(channel.cells).fill(0n));

/** Cell by cell. */
export const added = (one: Cells, other: Cells): Cells =>
  one.map((cells, channel) => cells.map((cell, at) => cell + (other[channel]?.[at] ?? 0n)));
