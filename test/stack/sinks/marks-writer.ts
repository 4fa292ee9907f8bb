import { warehouse } from '../../../sinks/clickhouse.ts';
import { chance, cutOf, marks, recordsOfMarks } from './lanes-of-marks.ts';

/** A worker that can be killed: writes lanes of marks from where it is told, and says how far they are confirmed. */
interface Task {
  readonly at: {
    readonly url: string;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  readonly lanes: number;
  readonly length: number;
  readonly from: readonly number[];
  readonly seed: number;
}

const task = JSON.parse(process.argv[2] ?? '') as Task;
const draw = chance(task.seed);
const lanes = recordsOfMarks(task.lanes, task.length);
await using sink = await warehouse({ ...task.at, contracts: [marks] });
for (let from = task.from; from.some((at) => at < task.length);) {
  const { batch, to } = cutOf(lanes, from, draw);
  await sink.write(batch);
  from = to;
  process.send?.(to);
}
