import {
  changesTopic,
  deadLettersTopic,
  rowLimitBytes,
  schemaTopic,
  topicSettings,
  transactionsTopic,
} from '../../contracts/topics.ts';
import { windowWidths } from '../../contracts/windows.ts';
import { horizonAt } from '../../pipelines/backfill/horizon.ts';
import { ensureTopics, lookAtTopics } from '../../pipelines/topic/admin.ts';
import type { Forms } from '../../pipelines/wal/forms.ts';
import { openings, secondVersionOf, type Succession } from '../../pipelines/wal/opening.ts';
import { Outbox } from '../../pipelines/wal/outbox.ts';
import type { Prepared } from '../../pipelines/wal/prepare.ts';
import { type Opening, Relations } from '../../pipelines/wal/relations.ts';
import { SpillRoom } from '../../pipelines/wal/spill.ts';
import { Beats } from '../../processors/transcode/beats.ts';
import { tokeniser } from '../../processors/tokens.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { TransactionLog, transactionSchema } from '../../processors/transcode/transaction-log.ts';
import { log } from '../log.ts';
import type { Setting } from './setting.ts';

export const topicsOf = ({ config: { database }, contracts }: Setting): readonly string[] => [
  ...[...contracts.keys()].map((table) => changesTopic(database, table)),
  transactionsTopic(database),
  schemaTopic(database),
  deadLettersTopic('capture'),
];

const slackBytes = 16 * 1024; // What Kafka adds to a record of ours.

/** How much each topic takes at once: its owner may have made it for less than we would. */
export async function limitsOf(setting: Setting): Promise<(topic: string) => number> {
  const names = topicsOf(setting).flatMap((topic) => [topic, secondVersionOf(topic)]);
  const { topics } = await lookAtTopics(setting.kafka, names);
  const limits = new Map(
    [...topics].map(([topic, { configs }]) => {
      const taken = Number(configs.get('max.message.bytes') ?? rowLimitBytes);
      return [topic, Math.min(rowLimitBytes, taken) - slackBytes];
    }),
  );
  return (topic) => limits.get(topic) ?? rowLimitBytes - slackBytes;
}

export function openingOf(
  setting: Setting,
  {
    forms,
    limitOf,
    anyBytes,
    succession,
  }: {
    readonly forms: Forms;
    readonly limitOf: (topic: string) => number;
    readonly anyBytes: boolean;
    readonly succession: Succession;
  },
  output: Output,
): Promise<Opening> {
  const { config, contracts, registry, keyring, kafka, counters } = setting;
  const lanes = config.kafka.partitions;
  return openings({
    database: config.database,
    contracts,
    registry,
    forms,
    encoding: {
      keyring,
      tokens: tokeniser(keyring),
      lanes,
      anyBytes,
      erased: () => counters.erased(),
    },
    output,
    limitOf,
    succession,
    onIncompatible: config.source.onIncompatible,
    ensureTopic: (topic) =>
      ensureTopics(kafka, [topicSettings(topic, lanes)], config.kafka.replication),
    alarm: (table, message) => {
      counters.refusedTable(table);
      log.error({ table }, message);
    },
    drifted: (table, message) => log.warn({ table }, message),
  });
}

export async function partsOf(setting: Setting, opening: Opening, output: Output) {
  const { config, contracts, registry } = setting;
  const topic = transactionsTopic(config.database);
  const { id } = await registry.register(topic, transactionSchema);
  const windowed = [...contracts.values()].filter((each) => windowWidths(each).length > 0);
  return {
    beats: new Beats(
      output,
      windowed.map((contract) => ({
        lanes: output.lanes(changesTopic(config.database, contract.table), config.kafka.partitions),
        widthsMicros: windowWidths(contract).map((seconds) => seconds * 1_000_000),
      })),
    ),
    relations: new Relations(contracts, opening),
    output,
    transactionLog: new TransactionLog(output.lanes(topic, config.kafka.partitions), id, output),
    outbox: new Outbox([...contracts.values()], opening, output),
    spillRoom: new SpillRoom(config.worker.spillDirectory),
  };
}

export const backfillSettings = ({ config, contracts }: Setting, { from }: Prepared) => ({
  troubled: (message: string) => log.error({ message }, 'a copy beside the stream cannot go on'),
  horizon: () => horizonAt(config.source.url),
  slot: config.source.slot,
  system: from.system,
  readers: 2,
  url: config.source.copyFrom ?? config.source.url,
  publication: config.source.publication,
  contracts,
});

export const walSettings = (
  { config, counters, untilCurrent }: Setting,
  prepared: Prepared,
  { stream, binary }: { readonly stream: string; readonly binary: boolean },
) => ({
  url: config.source.url,
  slot: config.source.slot,
  publication: config.source.publication,
  protocol: prepared.protocol,
  binary,
  origin: config.source.origin,
  serverVersion: prepared.serverVersion,
  senderTimeoutMs: prepared.senderTimeoutMs,
  lingerMs: config.source.lingerMs,
  standby: prepared.standby,
  stream,
  lanes: config.kafka.partitions,
  until: untilCurrent ? prepared.head : null,
  recording: (isDue: boolean) => counters.recording(isDue),
});
