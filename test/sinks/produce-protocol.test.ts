import { Reader, Writer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { judge, readAnswers } from '../../sinks/produce-protocol.ts';

interface Answered {
  readonly partition: number;
  readonly code: number;
  readonly message?: string;
}

/** A broker's answer, as the protocol has it. */
function answer(topics: readonly (readonly [name: string, own: readonly Answered[]])[]): Reader {
  const writer = Writer.create()
    .appendArray([...topics], (ofTopic, [name, own]) =>
      ofTopic.appendString(name).appendArray([...own], (ofLane, { partition, code, message }) =>
        ofLane
          .appendInt32(partition)
          .appendInt16(code)
          .appendInt64(1n)
          .appendInt64(-1n)
          .appendInt64(0n)
          .appendArray(message ? [message] : [], (ofRecord, text) =>
            ofRecord.appendInt32(0).appendString(text),
          )
          .appendString(message),
      ),
    )
    .appendInt32(0)
    .appendTaggedFields();
  return Reader.from(writer);
}

test('an answer is read lane by lane, with whatever a broker adds to it', () => {
  const reader = answer([
    [
      'a',
      [
        { partition: 0, code: 0 },
        { partition: 11, code: 10, message: 'far too large' },
      ],
    ],
    ['b', [{ partition: 0, code: 45, message: 'out of order' }]],
  ]);
  expect(readAnswers(1, 0, 9, reader)).toEqual(
    new Map([
      ['a/0', 0],
      ['a/11', 10],
      ['b/0', 45],
    ]),
  );
});

test.for([
  [0, 'NONE', 'written'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'written'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'again'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'again'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'again'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'forgotten'],
  [47, 'INVALID_PRODUCER_EPOCH', 'forgotten'],
  [59, 'UNKNOWN_PRODUCER_ID', 'forgotten'],
  [10, 'MESSAGE_TOO_LARGE', 'too-large'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'never'],
  [-1, 'UNKNOWN_SERVER_ERROR', 'never'],
  [4_711, 'error 4711', 'never'],
] as const)('code %i, %s, means %s', ([code, said, verdict]) => {
  expect(judge(code)).toEqual({ said, verdict });
});
