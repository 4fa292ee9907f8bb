import type { Change } from '../schemas/change.ts';
import { compare, parsePosition, positionText, type Position } from '../schemas/position.ts';

/** The newest position seen of each log in one lane, as text: what a released change says of the others before it. */
export type Marks = Readonly<Record<string, string>>;

/**
 * Lets every change through once: per lane and log a watermark. It is known only from what was
 * released (`restore`), so that it commits with the output and dies with the unsettled work.
 */
export class Dedupe {
  readonly #lanes = new Map<string, Map<string, Position>>();

  /** The marks that go out with the change; null if it was seen before. */
  admit(topic: string, change: Change): Marks | null {
    const lane = this.#lane(topic, change.lane);
    const log = `${change.system}/${change.log}`; // Positions of another server are of another world.
    const newest = lane.get(log);
    if (newest && compare(change.position, newest) <= 0) return null;
    lane.set(log, change.position);
    return Object.fromEntries([...lane].map(([log, position]) => [log, positionText(position)]));
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
    this.#lanes.delete(`${topic}/${partition}`);
  }

  #lane(topic: string, partition: number): Map<string, Position> {
    const name = `${topic}/${partition}`;
    let lane = this.#lanes.get(name);
    if (!lane) this.#lanes.set(name, (lane = new Map()));
    return lane;
  }
}
