import type { ConnectionPool } from '@databases/pg';
import { NotNow } from '../../contracts/cannot-run.ts';
import { deadLettersTopic } from '../../contracts/topics.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import type { Refused } from '../../pipelines/flow/stage.ts';
import { lookEvery } from '../../pipelines/wal/look-every.ts';
import { ownPool } from '../../pipelines/wal/own-pool.ts';
import { keyHashes } from '../../replay/key-hash.ts';
import { bringUpTopic, type IndexParts } from '../../replay/letter-index.ts';
import { openShare, type OpenShare } from '../../replay/letter-search.ts';
import { createLetterTables } from '../../replay/letter-tables.ts';
import { ownSecret } from '../tokens/own-secret.ts';
import type { Setting } from './setting.ts';

const lookSeconds = 30;
const staleMs = 5_000;

/**
 * Lets letters be written as long as the pipeline's quota has room. Full, it stops the pipeline, which tries again from
 * what is confirmed: nothing is dropped, and it goes on once letters were replayed or waived. What several workers write
 * between two looks may go beyond it.
 */
export function withinQuota<T>(
  setting: Setting,
  pipeline: string,
  sink: Sink<Refused<T>>,
): Sink<Refused<T>> {
  const { config, counters } = setting;
  const { mostLetters, mostBytes } = config.letters;
  const db = ownPool(config.state.url, { name: `conductor ${pipeline} letters`, size: 2 });
  let known: OpenShare | null = null;
  let lookedAt = 0;
  let since = 0; // Letters that were written since.
  let index: Promise<IndexParts> | null = null; // Made once: to make sure of its tables locks them.
  const look = async () => {
    index ??= indexOf(setting, db);
    try {
      await bringUpTopic(await index, deadLettersTopic(pipeline));
      known = await openShare(db, pipeline, [...setting.contracts.keys()]);
    } catch (error) {
      index = null; // Somebody may have dropped them.
      throw error;
    }
    lookedAt = performance.now();
    since = 0;
    counters.lettersUsed(Math.max(known.letters / mostLetters, known.bytes / mostBytes));
  };
  let isOpening = true;
  // Not at once: were a worker that has just begun to stand still in this transaction, nobody could make a slot meanwhile.
  const lookLater = async () => {
    if (!isOpening) await look();
    isOpening = false;
  };
  const looking = setting.untilCurrent ? null : lookEvery(lookSeconds, db, lookLater);
  return {
    name: sink.name,
    async write(batch) {
      if (batch.length > 0) {
        const nearly = known !== null && known.letters + since + batch.length > mostLetters;
        if (!known || nearly || performance.now() - lookedAt > staleMs) await look();
        const { letters = 0, bytes = 0 } = known ?? {};
        if (letters + since >= mostLetters || bytes >= mostBytes)
          throw full(pipeline, { letters, bytes }, config.letters);
      }
      await sink.write(batch);
      since += batch.length;
    },
    async [Symbol.asyncDispose]() {
      await (looking ? looking[Symbol.asyncDispose]() : db.dispose());
      await sink[Symbol.asyncDispose]();
    },
  };
}

/** The index of letters, of which those of tables that are under contract here are counted. */
async function indexOf(
  { kafka, registry, keyring }: Setting,
  db: ConnectionPool,
): Promise<IndexParts> {
  await createLetterTables(db);
  return { db, kafka, registry, hash: keyHashes(await ownSecret(keyring, 'letters')) };
}

const full = (
  pipeline: string,
  { letters, bytes }: OpenShare,
  { mostLetters, mostBytes }: Setting['config']['letters'],
) =>
  new NotNow({
    what: `${letters} dead letters of ${pipeline} are open, ${bytes} bytes: its quota of ${mostLetters} letters and ${mostBytes} bytes has no room for another, so it stops where it is`,
    where: 'letters.mostLetters, letters.mostBytes',
    fix: `see conductor dlq stats; mend the cause and conductor replay dlq --pipeline ${pipeline} …, or conductor dlq waive, or raise the quota; it goes on by itself`,
  });
