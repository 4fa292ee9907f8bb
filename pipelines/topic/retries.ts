import type { Source } from '../flow/source.ts';
import { header, type Received } from './received.ts';

/** The headers of a record that is given to a pipeline again. */
export const retryHeaders = {
  letter: 'letter',
  topic: 'topic',
  job: 'job',
  offset: 'offset',
} as const;

interface Retries {
  readonly retry: string; // The topic of what comes again.
  readonly topics: readonly string[]; // The inputs: what comes again of any other is somebody else's.
  /** Told of a letter that was waived, or dropped by a transform: nothing of it comes again. */
  readonly waived: (record: Received, letter: string) => void;
}

/** Leaves out of a batch what comes again to others: nobody here knows its schemas. A batch is of one topic. */
export function ownOf({ retry, topics }: Pick<Retries, 'retry' | 'topics'>) {
  const inputs = new Set(topics);
  return (batch: readonly Received[]): readonly Received[] =>
    batch[0]?.topic === retry
      ? batch.filter((record) => inputs.has(header(record, retryHeaders.topic) ?? ''))
      : batch;
}

/** Takes what comes again for what it was: a record of the topic in which it was refused. A delivery is of one topic. */
export function withRetries(
  source: Source<Received>,
  { retry, topics, waived }: Retries,
): Source<Received> {
  const inputs = new Set(topics);
  const asRefused = (record: Received): readonly Received[] => {
    const topic = header(record, retryHeaders.topic);
    const letter = header(record, retryHeaders.letter);
    if (topic === null || letter === null || !inputs.has(topic)) return [];
    const again = { ...record, topic, retried: { letter, topic: retry, offset: offsetIn(record) } };
    if (record.value && record.value.length > 0) return [again];
    waived(again, letter);
    return [];
  };
  return {
    async *read(reading) {
      for await (const { values, ...delivery } of source.read(reading))
        yield values[0]?.topic === retry
          ? { ...delivery, values: values.flatMap(asRefused) }
          : { ...delivery, values };
    },
    confirm: (position) => source.confirm(position),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
}

function offsetIn(record: Received): bigint | null {
  const text = header(record, retryHeaders.offset);
  return text !== null && /^\d+$/.test(text) ? BigInt(text) : null;
}
