import { changeShape } from '../../contracts/shapes.ts';
import {
  changesTopic,
  deadLettersTopic,
  rowLimitBytes,
  topicSettings,
} from '../../contracts/topics.ts';
import { capture, keysFirst } from '../../pipelines/capture.ts';
import { letterOfChange } from '../../pipelines/letters.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { prepareSource } from '../../pipelines/wal/prepare.ts';
import { WalSource } from '../../pipelines/wal/source.ts';
import { sealing } from '../../processors/seal.ts';
import { tokeniser } from '../../processors/tokens.ts';
import type { Change, Decoded } from '../../schemas/change.ts';
import { changeSchema } from '../../schemas/avro.ts';
import { encodeChange } from '../../schemas/wire.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { topicSink } from '../../sinks/topic.ts';
import { log } from '../log.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import type { Setting } from './setting.ts';
import { outgoing, tableTopics } from './table-topics.ts';

/** Connects capture: the slot at one end, `cdc.*` at the other. */
export const openCapture = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, keyring, kafka, counters, untilCurrent } = setting;
    const { url, slot, publication } = config.source;
    const stream = `${config.database}/${slot}`;
    const lanes = config.kafka.partitions;

    const checkpoints = await checkpointsAt(config.state.url).catch((error: unknown) => {
      throw postgresTrouble(error, 'state.url', config.state.url);
    });
    stack.use(checkpoints);
    const prepared = await prepareSource({
      url,
      slot,
      publication,
      stream,
      contracts,
      checkpoints,
    });
    if (prepared.unknownColumns.length > 0)
      log.warn(
        { columns: prepared.unknownColumns },
        'columns that no contract names: sealed, and dropped by govern',
      );
    await ensureTopics(
      kafka,
      [
        ...[...contracts.keys()].map((table) => changesTopic(config.database, table)),
        deadLettersTopic('capture'),
      ].map((name) => topicSettings(name, lanes)),
      config.kafka.replication,
    );
    const letters = await deadLetters<Decoded | Change>(kafka, 'capture', setting, (refused) =>
      letterOfChange('capture', refused),
    );
    stack.use(letters);
    const changes = stack.use(topicSink(kafka, 'cdc', await encoder(setting), rowLimitBytes));
    const until = untilCurrent ? prepared.head : null;
    const settings = { url, slot, publication, stream, lanes, contracts, until };
    const wal = stack.use(new WalSource(settings, checkpoints, prepared.from));
    const seal = sealing(contracts, keyring, tokeniser(keyring), lanes, () => counters.erased());

    return (signal) =>
      capture(
        { wal, changes: keysFirst(keyring, changes), letters: counters.letters(letters) },
        { seal, pulling: pulling(setting, signal) },
      );
  });

async function encoder(setting: Setting) {
  const stage = { topic: changesTopic, shape: changeShape, schema: changeSchema };
  const topicOf = await tableTopics(setting, stage);
  return (change: Change) => {
    const { topic, columns, schema } = topicOf(change.table);
    return outgoing(change, topic, encodeChange(schema, columns, change));
  };
}
