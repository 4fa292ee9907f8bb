import { replayJobOf } from './replay-log.ts';
import { compare, parsePosition, positionText, type Position } from '../schemas/position.ts';

/** The newest position seen of each log in one lane, as text: what a released change says of the others before it. */
export type Marks = Readonly<Record<string, string>>;

/**
 * Lets every change through once: per lane and log a watermark. It is known only from what was
 * released (`restore`), so that it commits with the output and dies with the unsettled work.
 */
export class Dedupe {
  readonly #lanes = new Map<string, Map<string, Position>[]>();

  /**
   * Whether a change is new in its lane. `source` names its server and log: positions of another server are of
   * another world.
   */
  admit(topic: string, partition: number, source: string, position: Position): boolean {
    const lane = this.#lane(topic, partition);
    const newest = lane.get(source);
    if (newest && compare(position, newest) <= 0) return false;
    lane.set(source, position);
    return true;
  }

  /** What was admitted to a lane last, log by log. */
  marks(topic: string, partition: number): Marks {
    const lane = this.#lane(topic, partition);
    const past = pastJobs([...lane.keys()]);
    return Object.fromEntries(
      [...lane]
        .filter(([log]) => !past.has(log))
        .map(([log, position]) => [log, positionText(position)]),
    );
  }

  /** Takes up what was released before: the greatest mark of each log counts. */
  restore(topic: string, partition: number, marks: Marks): void {
    const lane = this.#lane(topic, partition);
    for (const [log, text] of Object.entries(marks)) {
      const position = parsePosition(text);
      const newest = lane.get(log);
      if (!newest || compare(position, newest) > 0) lane.set(log, position);
    }
  }

  forget(topic: string, partition: number): void {
    delete this.#lanes.get(topic)?.[partition];
  }

  #lane(topic: string, partition: number): Map<string, Position> {
    let lanes = this.#lanes.get(topic);
    if (!lanes) this.#lanes.set(topic, (lanes = []));
    return (lanes[partition] ??= new Map());
  }
}

const jobsKept = 8;

/** Logs of jobs that are long done, as the times in their names tell: each would stay in every mark for ever. */
function pastJobs(sources: readonly string[]): ReadonlySet<string> {
  const logs = Map.groupBy(sources, (source) => replayJobOf(source.slice(source.indexOf('/') + 1)));
  const jobs = [...logs.keys()].filter((job) => job !== null).sort();
  return new Set(jobs.slice(0, -jobsKept).flatMap((job) => logs.get(job) ?? []));
}
