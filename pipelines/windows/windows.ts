import type { Queryable } from '@databases/pg';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { AllLanes } from '../topic/all-lanes.ts';
import { learning } from '../topic/learning.ts';
import type { ClosedWindow } from './closed-window.ts';
import { LaneQueue } from './lane-queue.ts';
import { OpenWindows } from './open-windows.ts';
import { Sending } from './sending.ts';
import { WindowState } from './window-state.ts';

/** Whose windows are closed: one task per dataset, whoever of the workers has it. */
export interface WindowTask {
  readonly name: string; // `anon/<dataset>`, `dp/<dataset>`.
  readonly topics: readonly string[];
  readonly widthMicros: number;
  readonly mostPerLane: number; // A window of which a lane has more records comes in parts; Infinity for whole ones.
  readonly skipsUntimed: boolean; // Whether nothing follows from the window of what was copied before there was a time.
  readonly form: string; // What must stay as it is as long as the task has this name: what its state depends on.
}

export interface WindowEnds {
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly keyring: Pick<Keyring, 'refresh'>;
  readonly stateUrl: string;
  readonly until: ReadonlyMap<string, bigint> | null; // Where to end, by `topic/partition`; null goes on for ever.
}

/** What came of a window. */
export interface Decision {
  /** Saves what was decided and what is to be sent, together with the window's end. */
  save(tx: Queryable): Promise<void>;
  /** Sends it, once it is saved; the next window is not saved before. */
  send(): Promise<void>;
}

/** Decides windows. */
export interface WindowUser {
  /** Takes up what was saved last, and sends what may not have been sent; asked over the session that owns the task. */
  restore(session: Queryable): Promise<void>;
  /**
   * Whether an empty window would change anything. If not, a window that is left out between two was empty: when it
   * was found so is up to the clock, and so nothing may follow from it.
   */
  readonly isWaiting: boolean;
  /** Decides a window: a pure function of what was restored or decided before and of its rows. */
  close(window: ClosedWindow): Promise<Decision>;
}

/**
 * Closes the windows of a task one after the other, as soon as every lane of its topics has come past their
 * end, and yields how many rows each had. Of a lane that has come so far no more is read meanwhile: what is
 * in memory is the window that is to be closed, or a part of it, and one fetch of each lane.
 */
export async function* closeWindows(
  { name, topics, widthMicros, mostPerLane, skipsUntimed, form }: WindowTask,
  { kafka, registry, keyring, stateUrl, until }: WindowEnds,
  user: WindowUser,
  signal: AbortSignal,
): AsyncGenerator<number> {
  await using reader = new AllLanes(kafka, topics);
  const ofTopics = async () =>
    `${widthMicros / 1_000_000} s, ${form}, of topic ${(await reader.topicIds()).join(', ')}`;
  await using state = await WindowState.own(stateUrl, name, ofTopics, signal);
  if (!state) return;
  await user.restore(state.session);
  const windows = new OpenWindows(
    await lanesOf(reader, state),
    { width: widthMicros, mostPerLane, skipsUntimed },
    state.place.closed,
  );
  const learn = learning(registry, keyring);
  const sending = new Sending();
  while (!signal.aborted) {
    while (!signal.aborted) {
      const due = windows.due(user.isWaiting);
      if (due === null) break;
      const window = windows.close(due);
      const decision = await user.close(window);
      await sending.done();
      await state.save(windows.closed, windows.marks(), (tx) => decision.save(tx));
      sending.begin(decision.send());
      yield window.rows.length + window.refused.length;
    }
    if (until && windows.reached(until)) break;
    sending.check();
    for (const { lane, values, next } of await reader.fetch(windows.toRead())) {
      await learn(values);
      lane.push(values, next, registry);
    }
  }
  await sending.done();
}

async function lanesOf(reader: AllLanes, { place }: WindowState): Promise<readonly LaneQueue[]> {
  const known = new Map(place.lanes.map((lane) => [`${lane.topic}/${lane.partition}`, lane]));
  const starts = await reader.starts();
  return starts.map(
    (start) =>
      new LaneQueue(
        known.get(`${start.topic}/${start.partition}`) ?? { ...start, watermark: 0, marks: {} },
      ),
  );
}
