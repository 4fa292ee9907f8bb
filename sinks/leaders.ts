import type { Connection, Producer } from '@platformatic/kafka';
import {
  judge,
  produceApi,
  produceRequest,
  readAnswers,
  type Verdict,
} from './produce-protocol.ts';
import type { RecordBatch } from './record-batch.ts';

/** What became of a batch, as far as is known. */
export interface Outcome {
  readonly batch: RecordBatch;
  readonly verdict: Verdict;
  readonly said: string;
  readonly cause?: unknown;
}

/** Sends each batch to the broker that leads its lane, to all brokers at once, and waits for them all. */
export async function sendToLeaders(
  producer: Producer,
  batches: readonly RecordBatch[],
  timeoutMs: number,
): Promise<readonly Outcome[]> {
  const topics = [...new Set(batches.map(({ topic }) => topic))];
  const metadata = await producer.metadata({ topics, retries: 0 });
  const led = Map.groupBy(
    batches,
    ({ topic, partition }) => metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1,
  );
  const connections = await producer.connectToBrokers([...led.keys()]);
  const outcomes = await Promise.all(
    [...led].map(([leader, own]) => ask(connections.get(leader), own, timeoutMs)),
  );
  return outcomes.flat();
}

/** Never rejects: of a request that failed it is not known what was written. */
function ask(
  connection: Connection | undefined,
  batches: readonly RecordBatch[],
  timeoutMs: number,
): Promise<readonly Outcome[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Outcome[]>();
  const again = (said: string, cause?: unknown) =>
    resolve(batches.map((batch) => ({ batch, verdict: 'again', said, cause })));
  if (!connection) {
    again('it has no leader, or there is no such partition');
    return promise;
  }
  const request = () => produceRequest(batches, timeoutMs);
  const { key, version } = produceApi;
  connection.send(key, version, request, readAnswers, true, true, (error, answers) => {
    if (error) return again(error.message, error);
    if (!answers) return again('the broker answered nothing');
    resolve(
      batches.map((batch) => {
        const code = answers.get(batch.lane);
        if (code === undefined)
          return { batch, verdict: 'again', said: 'the broker did not speak of it' };
        return { batch, ...judge(code) };
      }),
    );
  });
  return promise;
}
