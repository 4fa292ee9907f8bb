import { hash } from 'node:crypto';
import type { BaseOptions } from '@platformatic/kafka';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Registry } from '../contracts/registry.ts';
import { deadLettersTopic } from '../contracts/topics.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Refused } from '../pipelines/flow/stage.ts';
import { type DeadLetter, deadLetterSchema } from '../schemas/dead-letter.ts';
import { partsOf, sealInParts } from '../schemas/sealed-box.ts';
import { frame } from '../schemas/wire.ts';
import { type Outgoing, topicSink } from './topic.ts';

const letterBytes = 30 * 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;

/**
 * Keeps what was refused as sealed letters in `dlq.<pipeline>`. The letter is sealed under the
 * pipeline's own key; what is confidential in it stays in its subject's box, so that erasing the
 * subject erases it here too. A large one is cut into chunks, in order in one lane, under one id, each
 * of which is sealed and sent before the next is made.
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

  function* chunksOf(refused: Refused<T>): Iterable<Outgoing> {
    const { lane, key, payload, ...open } = letterOf(refused);
    const owned = keyring.keyOf(owner);
    if (owned === 'destroyed')
      throw new Error(
        `the key of the dead letters of ${pipeline} was destroyed: give it a new name`,
      );
    // A value may be refused twice in different forms: no nonce may serve both.
    const revision = `letter/${hash('sha256', payload, 'hex')}`;
    const headers = { id: open.id, reason: open.reason };
    const chunks = partsOf(payload, chunkBytes);
    let chunk = 0;
    for (const sealed of sealInParts(owned, { change: open.id, revision }, payload, chunkBytes)) {
      const value = frame(schema, { ...open, sealed, chunk: chunk++, chunks });
      yield { topic, partition: lane, key, value, headers };
    }
  }
  const letters = topicSink<Outgoing>(kafka, topic, (chunk) => chunk, letterBytes);
  return {
    name: letters.name,
    async write(batch) {
      const outgoing = batch.length > 0;
      if (outgoing) keyring.keyOf(owner);
      await keyring.saved();
      let waiting: Outgoing[] = [];
      let bytes = 0;
      for (const refused of batch)
        for (const chunk of chunksOf(refused)) {
          waiting.push(chunk);
          bytes += chunk.value.length;
          if (bytes < chunkBytes) continue;
          await letters.write(waiting);
          waiting = [];
          bytes = 0;
        }
      await letters.write(waiting);
    },
    [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
  };
}
