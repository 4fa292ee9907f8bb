import type { ConnectionPool } from '@databases/pg';
import type { Config } from '../../contracts/config.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { openKeyring } from '../../contracts/keys/open-keyring.ts';
import { type Registry, registryAt } from '../../contracts/registry.ts';
import { type KafkaOptions, kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { type HashKey, keyHashes } from '../../replay/key-hash.ts';
import { bringUp } from '../../replay/letter-index.ts';
import { createLetterTables } from '../../replay/letter-tables.ts';
import { ownSecret } from '../tokens/own-secret.ts';

/** The letters of a configuration, as the topics have them now. */
export interface Letters {
  readonly config: Config;
  readonly db: ConnectionPool; // Conductor's own, with the index.
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly keyring: Keyring;
  readonly hash: HashKey;
  readonly strays: number; // Records that were come upon and could not be read as letters.
}

/** Brings the index up to the ends of the topics, and hands it over. */
export async function withLetters<T>(
  config: Config,
  use: (letters: Letters) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const { state } = config;
  const db = ownPool(state.url, { name: 'conductor dlq', size: 2 });
  stack.defer(() => partFrom(db));
  await createLetterTables(db).catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', state.url);
  });
  const kafka = kafkaOptions(config, 'dlq');
  const registry = registryAt(config.registry.url);
  const keyring = stack.use(await openKeyring(config.keyring));
  const hash = keyHashes(await ownSecret(keyring, 'letters'));
  const { strays } = await bringUp({ db, kafka, registry, hash });
  return await use({ config, db, kafka, registry, keyring, hash, strays });
}
