import { deadLettersTopic, tableOf } from '../../contracts/topics.ts';
import { HeldKeys, type Holding, keyOfRecord } from '../../pipelines/held-keys.ts';
import { letterOfGoverned, letterOfRecord } from '../../pipelines/letters.ts';
import { committedBy } from '../../pipelines/topic/admin.ts';
import type { Lane } from '../../pipelines/topic/assignment.ts';
import { LaneRecords } from '../../pipelines/topic/lane-records.ts';
import { header, type Received } from '../../pipelines/topic/received.ts';
import { retryHeaders } from '../../pipelines/topic/retries.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { keyHashes } from '../../replay/key-hash.ts';
import { bringUpTopic } from '../../replay/letter-index.ts';
import { openKeys } from '../../replay/letter-search.ts';
import { createLetterTables } from '../../replay/letter-tables.ts';
import type { GovernedRecord } from '../../schemas/governed-record.ts';
import { ownSecret } from '../tokens/own-secret.ts';
import type { Setting } from './setting.ts';

/** The keys that a pipeline holds, known anew whenever it takes lanes up. */
export interface Hold {
  readonly held: HeldKeys;
  readonly takeUp: (lanes: readonly Lane[]) => Promise<void>;
}

/** Opens the holding of keys; null where the pipeline is not to hold any. */
export async function openHold(
  setting: Setting,
  pipeline: string,
  retry: string,
): Promise<Hold | null> {
  const { config, kafka, registry, keyring } = setting;
  if (!config.letters.hold.includes(pipeline)) return null;
  const hash = keyHashes(await ownSecret(keyring, 'letters'));
  const held = new HeldKeys(hash);
  const group = `${config.database}.${pipeline}`;
  return {
    held,
    async takeUp(lanes) {
      held.clear();
      if (lanes.length === 0) return;
      const db = ownPool(config.state.url, { name: `conductor ${pipeline} held keys`, size: 2 });
      try {
        await createLetterTables(db);
        await bringUpTopic({ db, kafka, registry, hash }, deadLettersTopic(pipeline));
        const tables = [...setting.contracts.keys()];
        const partitions = new Set(lanes.map(({ partition }) => partition));
        for (const { id, table, partition, keyHash } of await openKeys(db, pipeline, tables))
          if (partitions.has(partition)) held.holdHash(table, partition, keyHash, id);
      } finally {
        await partFrom(db);
      }
      // After the index was asked: what it has as replayed by then was written before, and is read here if it is still to come.
      await holdComing(setting, { retry, group, lanes, held });
    },
  };
}

interface Coming {
  readonly retry: string;
  readonly group: string;
  readonly lanes: readonly Lane[];
  readonly held: HeldKeys;
}

/** What was replayed and is not read yet holds its key until it is. */
async function holdComing(
  { kafka, contracts }: Setting,
  { retry, group, lanes, held }: Coming,
): Promise<void> {
  await using records = new LaneRecords(kafka, retry);
  const [starts, ends] = [await records.bounds('start'), await records.bounds('end')];
  const committed = (await committedBy(kafka, [group])).get(group);
  for (const { topic, partition } of lanes) {
    if (topic !== retry) continue;
    const known = committed?.get(`${retry}/${partition}`) ?? -1n;
    const from = known >= 0n ? known : (starts[partition] ?? 0n);
    for await (const batch of records.read(partition, from, ends[partition] ?? 0n))
      for (const record of batch) {
        const letter = header(record, retryHeaders.letter);
        const input = header(record, retryHeaders.topic);
        const table = input && tableOf(input);
        if (!letter || !table || !contracts.has(table)) continue;
        held.hold({ table, lane: partition, key: record.key }, letter);
      }
  }
}

/** What is told of letters that are given up. */
export const givenUp =
  (hold: Hold | null) =>
  (record: Received, letter: string): void =>
    hold?.held.release(keyOfRecord(record, tableOf), letter);

/** How a pipeline of records holds keys. */
export const holdingRecords = (pipeline: string, held: HeldKeys): Holding<Received> => ({
  held,
  keyOf: (record) => keyOfRecord(record, tableOf),
  letterOf: (value, refusal) => letterOfRecord(pipeline, { value, refusal }),
  comesFrom: ({ retried }) => retried?.letter ?? null,
});

/** How a pipeline of governed records does; which of them come again it is told as they are formed. */
export function holdingGoverned(pipeline: string, held: HeldKeys) {
  const letters = new WeakMap<GovernedRecord, string>();
  const holding: Holding<GovernedRecord> = {
    held,
    keyOf: (record) => record,
    letterOf: (value, refusal) => letterOfGoverned(pipeline, { value, refusal }),
    comesFrom: (record) => letters.get(record) ?? null,
  };
  const formed = (record: GovernedRecord, { retried }: Received): void => {
    if (retried) letters.set(record, retried.letter);
  };
  return { holding, formed };
}
