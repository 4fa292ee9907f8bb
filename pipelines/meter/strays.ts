import { laneOfKey } from '../../processors/lane.ts';
import type { Outgoing } from '../../sinks/topic.ts';
import type { Sink } from '../flow/sink.ts';
import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';

/**
 * Clients key their events as they like, and choose lanes each by a rule of its own. Only in one lane do events of a tenant have an
 * order: what came in another is sent into its own, and is read there. What comes twice by it is one event.
 */
export function lanesOfTenants(lanes: number): (tenant: string) => number {
  const known = new Map<string, number>();
  return (tenant) => {
    let lane = known.get(tenant);
    if (lane === undefined) {
      if (known.size > mostKnown) known.clear();
      known.set(tenant, (lane = laneOfKey(Buffer.from(tenant), lanes)));
    }
    return lane;
  };
}

const mostKnown = 100_000;

/** An event that is read again in the lane of its tenant. */
export const intoItsLane = (laneOf: (tenant: string) => number) =>
  function sent({ topic, value }: Received): Outgoing {
    const text = value ?? Buffer.alloc(0);
    const { subject } = JSON.parse(text.toString()) as { readonly subject: string };
    const key = Buffer.from(subject);
    return { topic, partition: laneOf(subject), key, value: text, headers: {} };
  };

/** Sends strays to where they belong, and what was refused to the letters. */
export function besideStrays<T extends object>(
  letters: Sink<Refused<Received | T>>,
  usage: Sink<Received>,
): Sink<Refused<Received | T>> {
  return {
    name: letters.name,
    async write(batch) {
      const isStray = ({ refusal }: Refused<Received | T>) => refusal.reason === 'astray';
      const strays = batch.flatMap((each) =>
        isStray(each) && 'partition' in each.value ? [each.value] : [],
      );
      if (strays.length > 0) await usage.write(strays);
      const others = batch.filter((each) => !isStray(each));
      if (others.length > 0) await letters.write(others);
    },
    async [Symbol.asyncDispose]() {
      await letters[Symbol.asyncDispose]();
    },
  };
}
