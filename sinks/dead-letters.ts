import type { BaseOptions } from '@platformatic/kafka';
import type { Keyring, LetterOwner, OwnedKey } from '../contracts/keys/keyring.ts';
import type { Registry } from '../contracts/registry.ts';
import { deadLettersTopic } from '../contracts/topics.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Refused } from '../pipelines/flow/stage.ts';
import { type DeadLetter, deadLetterSchema } from '../schemas/dead-letter.ts';
import { frame } from '../schemas/wire.ts';
import { letterBoxes, type LetterKeys } from './letter-boxes.ts';
import { type Outgoing, topicSink } from './topic.ts';

const letterBytes = 30 * 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;

/** What letters are sealed and written with. */
interface Desk {
  readonly keyring: Keyring;
  readonly registry: Registry;
  readonly counters: { erased(): void }; // Told of each letter that is withheld.
}

/** What becomes of a refused value: its letter, and whom it tells of. */
export interface Letters<T> {
  readonly letterOf: (refused: Refused<T>) => DeadLetter;
  readonly ownersOf: (value: T) => readonly LetterOwner[];
}

/**
 * Keeps what was refused as sealed letters in `dlq.<pipeline>`. A letter is sealed under the key of whom it
 * tells of, so that erasing a subject erases it here too; of two, under both; under the tenant's where it
 * tells no subject, and the pipeline's own where it tells nobody. What is about somebody erased is dropped.
 * A large one is cut into chunks, in order in one lane, under one id, each of which is sealed and sent
 * before the next is made.
 */
export async function deadLetters<T>(
  kafka: BaseOptions,
  pipeline: string,
  { keyring, registry, counters }: Desk,
  { letterOf, ownersOf }: Letters<T>,
): Promise<Sink<Refused<T>>> {
  const topic = deadLettersTopic(pipeline);
  const schema = await registry.register(topic, deadLetterSchema);

  function* chunksOf(refused: Refused<T>, keys: LetterKeys): Iterable<Outgoing> {
    const { lane, key, payload, ...open } = letterOf(refused);
    const headers = { id: open.id, reason: open.reason };
    const { parts, sealed } = letterBoxes(keys, open.id, payload, chunkBytes);
    let chunk = 0;
    for (const box of sealed) {
      const place = { sealed: box, chunk: chunk++, chunks: parts, seals: keys.length };
      const value = frame(schema, { ...open, ...place });
      yield { topic, partition: lane, key, value, headers };
    }
  }
  const letters = topicSink<Outgoing>(kafka, topic, (chunk) => chunk, letterBytes);
  return {
    name: letters.name,
    async write(batch) {
      const sealed = batch.map((refused) => ({
        refused,
        keys: keysFor(keyring, pipeline, ownersOf(refused.value)),
      }));
      await keyring.saved();
      let waiting: Outgoing[] = [];
      let bytes = 0;
      for (const { refused, keys } of sealed) {
        if (keys === 'destroyed') {
          counters.erased();
          continue;
        }
        for (const chunk of chunksOf(refused, keys)) {
          waiting.push(chunk);
          bytes += chunk.value.length;
          if (bytes < chunkBytes) continue;
          await letters.write(waiting);
          waiting = [];
          bytes = 0;
        }
      }
      await letters.write(waiting);
    },
    [Symbol.asyncDispose]: () => letters[Symbol.asyncDispose](),
  };
}

/** The keys of all whom a letter tells of; the pipeline's own where no key of theirs is known. */
function keysFor(
  keyring: Keyring,
  pipeline: string,
  owners: readonly LetterOwner[],
): LetterKeys | 'destroyed' {
  const keys: OwnedKey[] = [];
  for (const owner of owners) {
    const owned = 'ref' in owner ? named(keyring, owner.ref) : keyring.keyOf(owner);
    if (owned === 'destroyed') return owned;
    if (owned && !keys.some(({ ref }) => ref.equals(owned.ref))) keys.push(owned);
  }
  const [first, ...others] = keys;
  if (first) return [first, ...others];
  const own = keyring.keyOf({ tenant: null, domain: 'dead-letters', subject: pipeline });
  if (own === 'destroyed')
    throw new Error(`the key of the dead letters of ${pipeline} was destroyed: give it a new name`);
  return [own];
}

function named(keyring: Keyring, ref: Buffer): OwnedKey | 'destroyed' | null {
  const found = keyring.find(ref);
  if (found.state === 'here') return { ref, key: found.key };
  return found.state === 'destroyed' ? found.state : null;
}
