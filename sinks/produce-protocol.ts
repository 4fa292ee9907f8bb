import { protocolErrors, type Reader, Writer } from '@platformatic/kafka';
import { laneOf, type RecordBatch, sizeOf } from './record-batch.ts';

/** Kafka's Produce, in the version that every broker since 2.8 takes. */
export const produceApi = { key: 0, version: 9 } as const;

/** Asks a leader to write batches, a lane at most once, and to answer when all replicas have them. */
export function produceRequest(batches: readonly RecordBatch[], timeoutMs: number): Writer {
  const topics = [...Map.groupBy(batches, ({ topic }) => topic)];
  return Writer.create()
    .appendString(null) // No transaction.
    .appendInt16(-1)
    .appendInt32(timeoutMs)
    .appendArray(topics, (ofTopic, [topic, own]) =>
      ofTopic.appendString(topic).appendArray(own, (ofLane, batch) =>
        ofLane
          .appendInt32(batch.partition)
          .appendUnsignedVarInt(sizeOf(batch) + 1)
          .append(batch.head)
          .append(batch.body),
      ),
    )
    .appendTaggedFields();
}

/** What a leader answered: an error code by lane, 0 for what is written. */
export function readAnswers(
  _correlation: number,
  _key: number,
  _version: number,
  reader: Reader,
): ReadonlyMap<string, number> {
  const answers = new Map<string, number>();
  reader.readArray((ofTopic) => {
    const topic = ofTopic.readString();
    ofTopic.readArray((ofLane) => {
      answers.set(laneOf({ topic, partition: ofLane.readInt32() }), ofLane.readInt16());
      ofLane.skip(8 + 8 + 8); // Where it was written, when, and where the log begins.
      ofLane.readArray((ofRecord) => {
        ofRecord.skip(4);
        ofRecord.readNullableString();
      });
      ofLane.readNullableString(); // What is wrong, with the record's own words.
    });
  });
  return answers;
}

/**
 * What follows from an answer: the batch is `written`; it may be sent `again` as it is; its sender is
 * `forgotten` and needs a new name; it is `too-large`; or nothing but a person can help.
 */
export type Verdict = 'written' | 'again' | 'forgotten' | 'too-large' | 'never';

/** Judges an error code by Kafka's name of it. */
export function judge(code: number): { readonly said: string; readonly verdict: Verdict } {
  const known = namesByCode.get(code);
  if (known === undefined) return { said: `error ${code}`, verdict: 'never' };
  return { said: known, verdict: verdicts.get(known) ?? 'never' };
}

const namesByCode: ReadonlyMap<number, string> = new Map(
  Object.values(protocolErrors).map(({ code, id }) => [code, id]),
);

const verdicts: ReadonlyMap<string, Verdict> = new Map(
  Object.entries({
    NONE: 'written',
    DUPLICATE_SEQUENCE_NUMBER: 'written',

    CORRUPT_MESSAGE: 'again', // On its way: what we send has a checksum.
    UNKNOWN_TOPIC_OR_PARTITION: 'again', // A new topic is not known everywhere at once.
    LEADER_NOT_AVAILABLE: 'again',
    NOT_LEADER_OR_FOLLOWER: 'again',
    REQUEST_TIMED_OUT: 'again',
    BROKER_NOT_AVAILABLE: 'again',
    REPLICA_NOT_AVAILABLE: 'again',
    NETWORK_EXCEPTION: 'again',
    NOT_ENOUGH_REPLICAS: 'again',
    NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'again',
    KAFKA_STORAGE_ERROR: 'again',
    FENCED_LEADER_EPOCH: 'again',
    UNKNOWN_LEADER_EPOCH: 'again',
    THROTTLING_QUOTA_EXCEEDED: 'again',

    OUT_OF_ORDER_SEQUENCE_NUMBER: 'forgotten',
    UNKNOWN_PRODUCER_ID: 'forgotten',
    INVALID_PRODUCER_EPOCH: 'forgotten',
    INVALID_PRODUCER_ID_MAPPING: 'forgotten',
    PRODUCER_FENCED: 'forgotten',

    MESSAGE_TOO_LARGE: 'too-large',
    RECORD_LIST_TOO_LARGE: 'too-large',
  } satisfies Record<string, Verdict>),
);
