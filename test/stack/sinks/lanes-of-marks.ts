import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';

/** The table that fault tests write. */
export const marks = contractOf('public.marks', { id: 'bigint', note: 'text' });

/** The records of a governed topic of so many lanes, as long each, which every process makes alike. */
export function recordsOfMarks(lanes: number, length: number): readonly GovernedRecord[][] {
  const record = recording([marks]);
  const change = changesOf(marks);
  return Array.from({ length: lanes }, (_, lane) =>
    Array.from({ length }, (__, offset) => {
      const id = BigInt(offset * lanes + lane);
      const at = 1_000 + Number(id);
      return {
        ...record({ ...change.insert(at, { id, note: `mark ${id}` }), lane }),
        offset: BigInt(offset),
      };
    }),
  );
}

/** What is left to chance, the same for the same seed. */
export function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The next records of some lanes, each from where it has come to: cut as chance has it. */
export function cutOf(
  lanes: readonly (readonly GovernedRecord[])[],
  from: readonly number[],
  draw: (below: number) => number,
) {
  const to = from.map((at, lane) => Math.min(lanes[lane]!.length, at + draw(40)));
  const batch = lanes.flatMap((lane, index) => lane.slice(from[index], to[index]));
  return { batch, to };
}
