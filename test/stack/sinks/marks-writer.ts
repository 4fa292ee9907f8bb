import { openAt, type Place, untilWritten } from './fault-places.ts';
import { chance, type CourseOf, courseOf, cutOf } from './lanes-of-marks.ts';

/** A worker that can be stopped or killed: writes a course from where it is told, and says how far it is confirmed. */
export interface Task extends CourseOf {
  readonly place: Place;
  readonly from: readonly number[];
  readonly cuts: number; // Where it cuts its batches is drawn from this.
  readonly batches: number; // It ends after so many.
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const draw = chance(task.cuts);
const { contract, lanes } = courseOf(task);
await using sink = await openAt(task.place, [contract]);
let from = task.from;
for (let n = 0; n < task.batches && from.some((at) => at < task.length); n++) {
  const { batch, to } = cutOf(lanes, from, draw);
  await untilWritten(sink, batch);
  from = to;
  process.send?.(to);
}
