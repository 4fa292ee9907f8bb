import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { governedTopic, topicSettings } from '../../contracts/topics.ts';
import { manifestSink, prove } from '../../pipelines/prove.ts';
import { EvidenceLog } from '../../pipelines/prove/evidence-log.ts';
import { streamFrontier, untilNow } from '../../pipelines/prove/frontier.ts';
import { SegmentSource, type Stream } from '../../pipelines/prove/segment-source.ts';
import { sequencerLock } from '../../pipelines/prove/sequencer-lock.ts';
import { commitFor, ensureTopics } from '../../pipelines/topic/admin.ts';
import { checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { signingKey } from '../../schemas/signing-key.ts';
import { streamOf } from '../../schemas/stream-manifest.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import type { Setting } from './setting.ts';

/** Connects prove: `gov.*` at one end, the log of all that is proved at the other. */
export const openProve = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka, counters, untilCurrent } = setting;
    const { database, source, state } = config;
    const settings = provenanceOf(config);
    const tables = [...contracts.keys()];
    await ensureTopics(
      kafka,
      tables.map((table) => topicSettings(governedTopic(database, table), config.kafka.partitions)),
      config.kafka.replication,
    );
    stack.use(await sequencerLock(state.url, `${database}/${settings.topic}`));
    const log = stack.use(await EvidenceLog.open(logSettings(setting)));
    const checkpoints = stack.use(await checkpointsAt(state.url));
    const seen = { kafka, database, tables };
    const streams = streamsOf(tables, setting, log);
    const segments = new SegmentSource({
      kafka,
      registry,
      streams,
      everySeconds: settings.segmentSeconds,
      frontier: untilCurrent
        ? untilNow(seen)
        : streamFrontier(seen, checkpoints, `${database}/${source.slot}`),
      heads: log.evidence.heads,
      behind: (stream, records) => counters.unproved(stream, records),
    });
    const tell = () => commitFor(kafka, `${database}.prove`, provedOffsets(log, streams));
    await tell(); // Whoever was killed has told of all but the last.
    const manifests = manifestSink(log, registry, async (count) => {
      counters.proved(count);
      await tell();
    });
    return (signal) => prove({ segments, manifests }, pulling(setting, signal));
  });

/** Refuses streams that the log has of another database: one chain cannot be of two tables. */
function streamsOf(
  tables: readonly string[],
  { config }: Setting,
  { evidence }: EvidenceLog,
): readonly Stream[] {
  const { database } = config;
  const { prefix, topic: log } = provenanceOf(config);
  return tables.map((table) => {
    const stream = streamOf(prefix, table);
    const topic = governedTopic(database, table);
    const known = evidence.heads.get(stream)?.topic ?? topic;
    if (known === topic) return { stream, database, topic };
    throw new CannotRun({
      what: `the log in ${log} has stream ${stream} of another topic, ${known}`,
      where: 'provenance.prefix',
      fix: `give this database another prefix, for example ${database}, or a log of its own with provenance.topic and provenance.directory`,
    });
  });
}

/** How far topics are proved. What is proved is in the log itself: this is for whoever looks at groups. */
const provedOffsets = ({ evidence }: EvidenceLog, streams: readonly Stream[]) =>
  new Map(
    streams.flatMap(({ stream, topic }) => {
      const head = evidence.heads.get(stream);
      return head ? [[topic, head.offsets] as const] : [];
    }),
  );

/** What a log is opened with. */
export const logSettings = ({ config, kafka }: Pick<Setting, 'config' | 'kafka'>) => {
  const { topic, directory: folder, origin, signingKey: seed } = provenanceOf(config);
  const { replication } = config.kafka;
  return { kafka, topic, replication, folder, origin, key: signingKey(seed) };
};

/** The settings of the log; refuses where there are none. */
export function provenanceOf({ provenance }: Config): NonNullable<Config['provenance']> {
  if (provenance) return provenance;
  throw new CannotRun({
    what: 'there is no log to prove anything in',
    where: 'provenance',
    fix: 'give provenance.signingKey and provenance.origin, as conductor.example.yaml shows',
  });
}
