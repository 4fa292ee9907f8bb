import type { Again, Mending, NotAgain } from './coming-again.ts';

/** A record as its letter keeps it. */
export interface KeptRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly value: string | null; // In base64.
}

/** Usage is given to its topic once more, as it was: what has meanwhile become a unit is counted. */
export function usageAgain(
  { usage, transform }: Pick<Mending, 'usage' | 'transform'>,
  { topic, partition, offset, value }: KeptRecord,
  key: Buffer | null,
): Again | NotAgain {
  if (topic !== usage || transform) return 'elsewhere';
  if (value === null) return 'no-change';
  return {
    retry: topic,
    topic,
    table: '',
    lane: partition,
    key,
    value: Buffer.from(value, 'base64'),
    place: `${partition}@${offset}`,
    changed: [],
    offset: null,
  };
}
