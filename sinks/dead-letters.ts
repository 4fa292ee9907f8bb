import { hash } from 'node:crypto';
import type { BaseOptions } from '@platformatic/kafka';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Registry } from '../contracts/registry.ts';
import { deadLettersTopic } from '../contracts/topics.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Refused } from '../pipelines/flow/stage.ts';
import { type DeadLetter, deadLetterSchema } from '../schemas/dead-letter.ts';
import { seal } from '../schemas/sealed-box.ts';
import { frame } from '../schemas/wire.ts';
import { topicSink } from './topic.ts';

const letterBytes = 30 * 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;

/**
 * Keeps what was refused as sealed letters in `dlq.<pipeline>`. The letter is sealed under the
 * pipeline's own key; what is confidential in it stays in its subject's box, so that erasing the
 * subject erases it here too. A large one is cut into chunks, in order in one lane, under one id.
 */
export async function deadLetters<T>(
  kafka: BaseOptions,
  pipeline: string,
  { keyring, registry }: { readonly keyring: Keyring; readonly registry: Registry },
  letterOf: (refused: Refused<T>) => DeadLetter,
): Promise<Sink<Refused<T>>> {
  const topic = deadLettersTopic(pipeline);
  const schema = await registry.register(topic, deadLetterSchema);
  const owner = { tenant: null, domain: 'dead-letters', subject: pipeline };

  const encode = (refused: Refused<T>) => {
    const { lane, key, payload, ...open } = letterOf(refused);
    const owned = keyring.keyOf(owner);
    if (owned === 'destroyed')
      throw new Error(
        `the key of the dead letters of ${pipeline} was destroyed: give it a new name`,
      );
    // A value may be refused twice in different forms: no nonce may serve both.
    const revision = `letter/${hash('sha256', payload, 'hex')}`;
    const sealed = seal(owned, { change: open.id, revision }, payload);
    const headers = { id: open.id, reason: open.reason };
    const chunks = Math.max(1, Math.ceil(sealed.length / chunkBytes));
    return Array.from({ length: chunks }, (_, chunk) => {
      const part = sealed.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
      const value = frame(schema, { ...open, sealed: part, chunk, chunks });
      return { topic, partition: lane, key, value, headers };
    });
  };
  const letters = topicSink(kafka, topic, encode, letterBytes);
  return {
    name: letters.name,
    async write(batch) {
      const outgoing = batch.length > 0;
      if (outgoing) keyring.keyOf(owner);
      await keyring.saved();
      await letters.write(batch);
    },
    [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
  };
}
