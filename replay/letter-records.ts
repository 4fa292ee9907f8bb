import { type Registry, UnknownSchema } from '../contracts/registry.ts';
import type { Dated } from '../pipelines/topic/received.ts';
import { type WrittenLetter, writtenLetter } from '../schemas/dead-letter.ts';
import { schemaIdOf } from '../schemas/wire.ts';

/** A record that is a letter, or a piece of one. */
export type LetterPiece = WrittenLetter &
  Pick<Dated, 'topic' | 'partition' | 'offset' | 'key' | 'at'>;

/** What a record of a topic of letters is: `unknown` is what the registry would have to tell. */
export type ReadPiece = LetterPiece | 'stray' | 'unknown';

/**
 * Reads records of topics of letters. Others may write there, too: neither what they write nor a schema that the
 * registry has lost stands in the way of the letters that can be read.
 */
export function pieceReader(
  registry: Pick<Registry, 'learn' | 'type'>,
): (batch: readonly Dated[]) => Promise<readonly ReadPiece[]> {
  const lost = new Set<number>();
  const learn = async (id: number) => {
    try {
      await registry.learn([id]);
    } catch (error) {
      if (!(error instanceof UnknownSchema)) throw error;
      lost.add(id);
    }
  };
  return async (batch) => {
    const ids = new Set(batch.map(({ value }) => value && schemaIdOf(value)));
    for (const id of ids) if (id !== null && !lost.has(id)) await learn(id);
    return batch.map((record) => {
      const id = record.value && schemaIdOf(record.value);
      if (id !== null && lost.has(id)) return 'unknown';
      return pieceOf(registry, record);
    });
  };
}

function pieceOf(
  registry: Pick<Registry, 'type'>,
  { topic, partition, offset, key, value, at }: Dated,
): LetterPiece | 'stray' {
  const type = value && registry.type(schemaIdOf(value) ?? -1);
  const written = type && writtenLetter(type, value);
  return written ? { ...written, topic, partition, offset, key, at } : 'stray';
}
