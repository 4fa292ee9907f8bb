import type { TableContract } from '../../../contracts/contract.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { type Row, unchanged } from '../../../schemas/value.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';

/** The table that fault tests write, under a name of its own: each mark may come after another, of any lane. */
export function marksOf(run: string): TableContract {
  const table = `public.marks_${run}`;
  return contractOf(
    table,
    { id: 'bigint', note: 'text', body: 'text', after_id: 'bigint' },
    {
      graph: {
        label: `Mark_${run}`,
        relationships: [{ type: 'AFTER', column: 'after_id', to: table }],
      },
    },
  );
}

/** A row of the table as it is at last. */
export interface Mark {
  readonly id: bigint;
  readonly note: string;
  readonly body: string;
  readonly after_id: bigint | null;
  readonly lsn: number; // Of its newest change.
}

/** The records of a governed topic, lane by lane, and what they come to. */
export interface Course {
  readonly contract: TableContract;
  readonly lanes: readonly GovernedRecord[][];
  readonly marks: readonly Mark[];
}

export interface CourseOf {
  readonly run: string;
  readonly lanes: number;
  readonly length: number;
  readonly seed: number;
}

const keysOfLane = 30;
const truncates = 2;

/** A course that every process makes alike: rows come, change, go and come again, and in its second half the table is emptied. */
export function courseOf({ run, lanes: count, length, seed }: CourseOf): Course {
  const contract = marksOf(run);
  const change = changesOf(contract);
  const record = recording([contract]);
  const draw = chance(seed);
  const half = length >> 1;
  const emptied = new Set(Array.from({ length: truncates }, () => half + draw(half)));
  const lanes: GovernedRecord[][] = Array.from({ length: count }, () => []);
  const marks = new Map<bigint, Mark>();
  const next = (lane: number, lsn: number) => {
    const id = BigInt(draw(keysOfLane) * count + lane);
    const known = marks.get(id);
    if (known && draw(5) === 0) {
      marks.delete(id);
      return change.delete(lsn, { id });
    }
    const after = draw(3) === 0 ? null : BigInt(draw(keysOfLane * count));
    const keepsBody = known !== undefined && draw(2) === 0;
    const body = keepsBody ? known.body : `${lsn}`.repeat(1 + draw(40));
    const note = `mark ${id} at ${lsn}`;
    marks.set(id, { id, note, body, after_id: after, lsn });
    const row: Row = { id, note, body: keepsBody ? unchanged : body, after_id: after };
    return known ? change.update(lsn, row) : change.insert(lsn, row);
  };
  for (let offset = 0; offset < length; offset++) {
    const first = 1_000 + offset * count;
    if (emptied.has(offset)) marks.clear();
    for (const [lane, records] of lanes.entries()) {
      const made = emptied.has(offset) ? change.truncate([first, lane]) : next(lane, first + lane);
      records.push({ ...record({ ...made, lane }), offset: BigInt(offset) });
    }
  }
  return { contract, lanes, marks: [...marks.values()] };
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
