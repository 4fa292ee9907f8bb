import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { HeadReader } from '../../schemas/change-head.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import { learning } from '../topic/learning.ts';
import type { WindowRow } from '../windows/closed-window.ts';
import type { WaitingPlace } from './store.ts';

/** What must be known before a row is read. */
interface Learnt {
  readonly registry: Registry;
  readonly keyring: Pick<Keyring, 'refresh'>;
}

/** Reads rows again that waited when their worker ended, each at its place. What Kafka has no more is left out. */
export async function reread(
  kafka: KafkaOptions,
  { registry, keyring }: Learnt,
  topic: string,
  places: readonly WaitingPlace[],
): Promise<readonly WindowRow[]> {
  const learn = learning(registry, keyring);
  const heads = new HeadReader();
  const rows: WindowRow[] = [];
  await using records = new LaneRecords(kafka, topic);
  const starts = await records.bounds('start');
  for (const [partition, own] of Map.groupBy(places, (place) => place.partition)) {
    const start = starts[partition] ?? 0n;
    const wanted = new Set(own.map(({ offset }) => offset).filter((offset) => offset >= start));
    const offsets = [...wanted].sort((a, b) => (a < b ? -1 : 1));
    const [first, last] = [offsets[0], offsets.at(-1)];
    if (first === undefined || last === undefined) continue;
    for await (const batch of records.read(partition, first, last + 1n)) {
      const here = batch.filter(({ offset }) => wanted.has(offset));
      await learn(here);
      for (const record of here) {
        const { value } = record;
        if (!value) continue;
        const head = heads.read(value);
        if (head)
          rows.push({ record: { ...record, value }, log: head.log, position: head.position });
      }
    }
  }
  return rows;
}
