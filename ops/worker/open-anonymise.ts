import { CannotRun } from '../../contracts/cannot-run.ts';
import { datasetOf, refuseTwins } from '../../contracts/dataset.ts';
import {
  anonymousTopic,
  changesTopic,
  deadLettersTopic,
  topicSettings,
} from '../../contracts/topics.ts';
import { anonymise, type Anonymised } from '../../pipelines/anonymise.ts';
import type { DatasetParts } from '../../pipelines/anonymity/dataset.ts';
import { reread } from '../../pipelines/anonymity/reread.ts';
import {
  type AnonymousTable,
  attributeColumns,
  Sightings,
} from '../../pipelines/anonymity/sightings.ts';
import { AnonymityStore } from '../../pipelines/anonymity/store.ts';
import { ownersOfRecord } from '../../pipelines/letter-owners.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { pseudonymKey, pseudonymsOf } from '../../processors/anonymity/pseudonyms.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { unsealing } from '../../processors/unseal.ts';
import { anonymousSchema } from '../../schemas/anonymous.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { recordsSink } from '../../sinks/records.ts';
import { type Opened, openAll } from './opened.ts';
import { heldToPolicy, tellsRegions } from './narrowed.ts';
import type { Setting } from './setting.ts';
import { anonymousForm } from './window-forms.ts';

const mostRows = 4_000; // In memory at once: a window that has more is decided in parts.
const chunkBytes = 2 * 1024 * 1024; // What a broker and a reader take at once; less than a topic's limit.

/** Connects anonymise: `cdc.*` at one end, `anon.*` at the other. */
export const openAnonymise = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, keyring, kafka, counters, untilCurrent } = setting;
    const tables = [...contracts.values()].filter(isAnonymous);
    if (tables.length === 0) throw nothingAsked(config.contracts);
    const named = tables.map(({ table, anon }) => ({
      table,
      dataset: datasetOf(config.database, table, anon.dataset),
    }));
    refuseTwins('anon', named);
    const policy = await heldToPolicy(stack, setting, tellsRegions);
    const topics = tables.map(({ table }) => changesTopic(config.database, table));
    await ensureTopics(
      kafka,
      [
        ...topics,
        ...named.map(({ dataset }) => anonymousTopic(dataset)),
        deadLettersTopic('anonymise'),
      ].map((name) => topicSettings(name, config.kafka.partitions)),
      config.kafka.replication,
    );
    const letters = stack.use(
      await deadLetters<Received>(kafka, 'anonymise', setting, {
        letterOf: (refused) => letterOfRecord('anonymise', refused),
        ownersOf: (record) => ownersOfRecord(record, registry, contracts),
      }),
    );
    const ends = { letters: counters.letters(letters) };
    const datasets: Anonymised[] = [];
    for (const table of tables) {
      const records = policy.sink(stack.use(recordsSink(kafka, 'anon')));
      datasets.push(await anonymised(setting, table, { ...ends, records }));
    }
    const until = untilCurrent ? await endsOf(kafka, topics) : null;
    const windows = { kafka, registry, keyring, stateUrl: config.state.url, until };
    return (signal) => policy.run(anonymise(datasets, windows, signal));
  });

const isAnonymous = (contract: { readonly anon?: unknown }): contract is AnonymousTable =>
  contract.anon !== undefined;

const nothingAsked = (folder: string) =>
  new CannotRun({
    what: 'no contract asks for k-anonymous rows',
    where: folder,
    fix: 'add to a table with a subject, for example, { property: anon, value: { quasi_identifiers: [country, age] } }, and to each of these columns its hierarchy',
  });

async function anonymised(
  { config, registry, keyring, kafka, counters }: Setting,
  table: AnonymousTable,
  ends: Pick<DatasetParts, 'letters' | 'records'>,
): Promise<Anonymised> {
  const dataset = datasetOf(config.database, table.table, table.anon.dataset);
  const topic = anonymousTopic(dataset);
  const source = changesTopic(config.database, table.table);
  const { k, quasi_identifiers: region, window, diversity } = table.anon;
  const { id, type } = await registry.register(
    topic,
    anonymousSchema({ dataset, region, row: attributeColumns(table) }),
  );
  const pseudonyms = pseudonymsOf(keyring, dataset);
  const open = unsealing(keyring, () => counters.erased());
  const l = diversity?.l ?? 1;
  const means = {
    registry,
    keyring,
    pseudonyms,
    open,
    mostBytes: chunkBytes / (2 * (k + l)),
    type,
  };
  return {
    task: {
      name: `anon/${dataset}`,
      topics: [source],
      widthMicros: window * 1_000_000,
      mostPerLane: Math.ceil(mostRows / config.kafka.partitions),
      skipsUntimed: false, // Copied rows are told like others, and may have to wait.
      form: anonymousForm(table, pseudonymKey(keyring, dataset)),
    },
    parts: {
      table,
      dataset,
      sightings: new Sightings(table, means),
      pseudonyms,
      keyring,
      publishing: {
        topic,
        lanes: config.kafka.partitions,
        schema: id,
        k,
        l,
        chunkBytes,
        pool: new SlabPool(),
      },
      ...ends,
      store: new AnonymityStore(dataset),
      reread: (places) => reread(kafka, { registry, keyring }, source, places),
      seen: (figures) => counters.anonymised(figures),
    },
  };
}
