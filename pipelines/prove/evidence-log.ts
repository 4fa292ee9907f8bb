import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun, NotNow } from '../../contracts/cannot-run.ts';
import { provenanceTopicSettings } from '../../contracts/topics.ts';
import { Evidence, type EvidenceState } from '../../processors/evidence.ts';
import { envelope } from '../../schemas/dsse.ts';
import { signedCheckpoint } from '../../schemas/log-checkpoint.ts';
import type { PublicKey, SigningKey } from '../../schemas/signing-key.ts';
import {
  type KeyNotice,
  type Said,
  statementOf,
  statementType,
} from '../../schemas/stream-manifest.ts';
import { type Outgoing, topicSink } from '../../sinks/topic.ts';
import { failpoint } from '../flow/failpoint.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { ensureTopics } from '../topic/admin.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import { header, type Received } from '../topic/received.ts';
import { TileFolder, writeWhole } from './tile-folder.ts';

/** The key of a checkpoint's record. */
export const checkpointKey = 'checkpoint';

interface Settings {
  readonly kafka: KafkaOptions;
  readonly topic: string;
  readonly replication: number;
  readonly folder: string;
  readonly origin: string;
  readonly key: SigningKey;
}

interface Progress {
  readonly topicId: string;
  readonly offset: string;
  readonly root: string;
  readonly published: number;
  readonly evidence: EvidenceState;
}

const mostTries = 5;
const entryBytes = 256 * 1024; // An entry has at most a quarter of it: Kafka's own limit is 1 MB.

/**
 * The log of all that is said. Its order is that of the topic: an entry claims the place at the log's
 * end, and of several claims the first that fits counts, for everybody who reads. So whoever still
 * writes after another took over changes nothing; and only what is there is ever signed in a checkpoint.
 */
export class EvidenceLog implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #records: LaneRecords;
  readonly #sink: ReturnType<typeof topicSink<Outgoing>>;
  #evidence = new Evidence('first');
  #tiles: TileFolder;
  #topicId = '';
  #offset = 0n;
  #published = -1; // Of how many entries the last checkpoint speaks.
  #saved = -1;

  private constructor(settings: Settings) {
    this.#settings = settings;
    this.#records = new LaneRecords(settings.kafka, settings.topic);
    this.#sink = topicSink(
      settings.kafka,
      settings.topic,
      (record: Outgoing) => record,
      entryBytes,
    );
    this.#tiles = TileFolder.open(settings.folder, 0);
  }

  /** Opens the log, or begins it with the announcement of its key. */
  static async open(settings: Settings): Promise<EvidenceLog> {
    mkdirSync(settings.folder, { recursive: true });
    const { kafka, topic, replication, key } = settings;
    await ensureTopics(kafka, [provenanceTopicSettings(topic)], replication);
    const log = new EvidenceLog(settings);
    try {
      await log.#resume();
      await log.append((evidence) =>
        evidence.size === 0 ? [announced(key, 'the first key of this log')] : [],
      );
      return log;
    } catch (error) {
      await log[Symbol.asyncDispose]();
      throw error;
    }
  }

  get evidence(): Evidence {
    return this.#evidence;
  }

  /**
   * Signs and appends what is to be said, made anew if another was faster. What is due is decided by the
   * log as it is then; when nothing is due any more, a checkpoint says all of it. Refuses where what this
   * key signs would not count: it may have been revoked since.
   */
  async append(due: (evidence: Evidence) => readonly Said[]): Promise<void> {
    const { key, topic } = this.#settings;
    for (let tries = 0; tries < mostTries; tries++) {
      await this.#sync();
      if (this.#evidence.size > 0 && !this.#evidence.trusts(key.id)) throw notAnnounced(key, topic);
      const [...said] = due(this.#evidence);
      if (said.length === 0) return this.#publish();
      await this.#claim(said);
    }
    throw new NotNow({
      what: `what was to be proved next is not what the log goes on with: another worker writes to ${topic}`,
      where: 'provenance.topic',
      fix: 'none is needed if it is a worker of the same database: this one begins again from what is proved; otherwise give each its own provenance.topic and provenance.directory',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sink[Symbol.asyncDispose]();
    await this.#records[Symbol.asyncDispose]();
  }

  async #claim(said: readonly Said[]): Promise<void> {
    const { key } = this.#settings;
    const first = this.#evidence.size;
    const digests = new Map<string, string>(); // Of what is claimed here, by stream.
    const records = said.map((each, at): Outgoing => {
      const chained = chainedTo(each, digests);
      const value = envelope(statementType, statementOf(chained), key);
      if (chained.kind === 'segment')
        digests.set(chained.manifest.stream, hash('sha256', value, 'hex'));
      return this.#record(nameOf(chained), value, { index: String(first + at) });
    });
    failpoint('claiming');
    await this.#sink.write(records);
    failpoint('claimed');
  }

  /** Reads what the topic has by now, and takes what fits. */
  async #sync(): Promise<void> {
    const [end = 0n] = await this.#records.bounds('end');
    if (end < this.#offset) throw lost(this.#settings, this.#offset, end);
    for await (const batch of this.#records.read(0, this.#offset, end))
      for (const record of batch) this.#take(record);
    this.#offset = end;
  }

  #take(record: Received): void {
    const { value, key } = record;
    if (!value) return;
    if (key?.toString() === checkpointKey) return this.#sawCheckpoint(value.toString());
    if (header(record, 'index') !== String(this.#evidence.size)) return;
    const judged = this.#evidence.judge(value);
    if (judged.faults.length > 0) return;
    this.#evidence.accept(judged);
    this.#tiles.append(value);
  }

  #sawCheckpoint(text: string): void {
    const { size, root } = this.#tiles;
    const checkpoint = this.#evidence.readCheckpoint(this.#settings.origin, text);
    if (checkpoint?.size === size && checkpoint.root.equals(root)) this.#published = size;
  }

  /** A checkpoint for whoever reads the topic, then the folder for whoever reads that. */
  async #publish(): Promise<void> {
    const { origin, key, folder } = this.#settings;
    const { size, root } = this.#tiles;
    if (this.#saved === size && this.#published === size) return;
    const text = signedCheckpoint({ origin, size, root }, key);
    if (this.#published !== size)
      await this.#sink.write([this.#record(checkpointKey, Buffer.from(text), {})]);
    failpoint('published');
    this.#published = size;
    this.#tiles.save();
    writeWhole(join(folder, 'checkpoint'), text);
    const progress: Progress = {
      topicId: this.#topicId,
      offset: String(this.#offset),
      root: root.toString('hex'),
      published: this.#published,
      evidence: this.#evidence.state(),
    };
    writeWhole(join(folder, 'progress.json'), JSON.stringify(progress));
    this.#saved = size;
  }

  #record(name: string, value: Buffer, headers: Outgoing['headers']): Outgoing {
    return { topic: this.#settings.topic, partition: 0, key: Buffer.from(name), value, headers };
  }

  /** The folder tells how far the topic was read; what does not fit together is read again from its beginning. */
  async #resume(): Promise<void> {
    const { folder } = this.#settings;
    this.#topicId = await this.#records.topicId();
    const progress = progressIn(folder);
    const isOwn = progress
      ? progress.topicId === this.#topicId
      : !existsSync(join(folder, 'checkpoint')) || (await this.#records.bounds('end'))[0] !== 0n;
    if (!isOwn) throw ofAnother(this.#settings);
    this.#tiles = (progress && this.#goOn(progress)) ?? TileFolder.empty(folder);
  }

  #goOn({ offset, root, published, evidence }: Progress): TileFolder | null {
    try {
      const tiles = TileFolder.open(this.#settings.folder, evidence.size);
      if (tiles.root.toString('hex') !== root) return null;
      this.#evidence = Evidence.from(evidence);
      this.#offset = BigInt(offset);
      this.#published = published;
      return tiles;
    } catch {
      return null;
    }
  }
}

function progressIn(folder: string): Progress | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'progress.json'), 'utf8')) as Progress;
  } catch {
    return null;
  }
}

/** What takes a key up. */
export const announced = (key: PublicKey, reason: string): Said =>
  noticeOf('announce', key, reason);

/** What has a key trusted no more. */
export const revoked = (key: PublicKey, reason: string): Said => noticeOf('revoke', key, reason);

const noticeOf = (
  action: KeyNotice['action'],
  { id: keyId, bytes }: PublicKey,
  reason: string,
): Said => ({
  kind: 'key',
  notice: { action, keyId, publicKey: bytes.toString('base64'), reason },
});

const nameOf = (said: Said): string => (said.kind === 'segment' ? said.manifest.stream : said.kind);

/** A manifest names the one that is claimed right before it, where there is one. */
function chainedTo(said: Said, digests: ReadonlyMap<string, string>): Said {
  if (said.kind !== 'segment') return said;
  const prevDigest = digests.get(said.manifest.stream) ?? said.manifest.prevDigest;
  return { kind: 'segment', manifest: { ...said.manifest, prevDigest } };
}

const notAnnounced = (key: SigningKey, topic: string) =>
  new CannotRun({
    what: `the log in ${topic} does not know the key ${key.id.slice(0, 16)}, or it was revoked: what it signs would not count`,
    where: 'provenance.signingKey',
    fix: 'announce it first, with the old key in place: conductor provenance rotate --new-key FILE; or name another provenance.topic and provenance.directory for a log of its own',
  });

/** What was proved in another topic may be nowhere else any more: it is not written over. */
const ofAnother = ({ folder, topic }: Settings) =>
  new CannotRun({
    what: `the folder ${folder} has the log of another topic than ${topic}, or of one of that name that is gone`,
    where: 'provenance.directory',
    fix: `name a folder of its own for the log in ${topic}, and keep this one as long as what it proves is wanted`,
  });

const lost = ({ folder, topic }: Settings, read: bigint, end: bigint) =>
  new CannotRun({
    what: `Kafka no longer has all of the log: ${topic} was read up to offset ${read}, and ends at ${end}`,
    where: `topic ${topic}`,
    fix: `restore the topic, or begin another log with provenance.topic and provenance.directory; ${folder} has what is lost`,
  });
