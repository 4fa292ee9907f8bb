import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { type BaseOptions, Producer } from '@platformatic/kafka';
import { NotNow } from '../contracts/cannot-run.ts';
import { rowLimitBytes } from '../contracts/topics.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Records } from '../schemas/records.ts';
import { Refusal } from '../schemas/refusal.ts';
import { type Outcome, sendToLeaders } from './leaders.ts';
import {
  packed,
  type ProducerIdentity,
  type RecordBatch,
  release,
  sequenceAfter,
  sizeOf,
  stamp,
} from './record-batch.ts';
import { roundsOf } from './record-rounds.ts';

const roundBytes = 4 * 1024 * 1024;
const waitsMs = [100, 200, 400, 800, 1_600];
const patienceMs = 30_000;

/**
 * Writes records to the lanes of topics, durable on all replicas and without a look at any of them. Of
 * a lane, one batch is under way at a time, so that what is written is always a prefix of what was to
 * be written; what a broker may already have is sent again under the same numbers, so that it is
 * written once. One write at a time. Before each try `mayWrite` rejects if nothing may be written any more.
 */
export function recordsSink(
  kafka: BaseOptions,
  name: string,
  mayWrite: () => Promise<void> = async () => {},
): Sink<Records> {
  // It is we who try again: a client that does so beneath us multiplies the wait, and hides what was said.
  const producer = new Producer({ ...kafka, retries: 0 });
  const closing = new AbortController();
  const sender = new Sender(producer, { kafka, mayWrite, closing: closing.signal });
  return {
    name,
    async write(batch) {
      for (const records of batch) {
        const { length } = records.bytes;
        if (length > rowLimitBytes) throw tooLarge(records, length, `takes ${rowLimitBytes}`);
      }
      const rounds = roundsOf(batch, roundBytes);
      const compressNext = () => nextRound(rounds);
      let round = await compressNext();
      while (round) {
        // What follows is compressed while the brokers write.
        [, round] = await Promise.all([sender.deliver(round), turn().then(compressNext)]);
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await producer.close(true);
    },
  };
}

async function nextRound(
  rounds: Iterator<readonly Records[], void>,
): Promise<readonly RecordBatch[] | undefined> {
  const round = rounds.next().value;
  const now = Date.now();
  if (!round) return undefined;
  return Promise.all(round.map((records) => packed(records, records.producedAtMs ?? now)));
}

/** How far each lane has come under one name. */
interface Progress extends ProducerIdentity {
  readonly sequences: Map<string, number>;
}

interface Terms {
  readonly kafka: BaseOptions;
  readonly mayWrite: () => Promise<void>;
  readonly closing: AbortSignal;
}

/** Sends batches until they are written, under a name by which brokers know what they already have. */
class Sender {
  readonly #producer: Producer;
  readonly #terms: Terms;
  #progress: Progress | null = null;

  constructor(producer: Producer, terms: Terms) {
    this.#producer = producer;
    this.#terms = terms;
  }

  /** Resolves once all are written. If any may not be, the name is given up: its numbers are in doubt. */
  async deliver(round: readonly RecordBatch[]): Promise<void> {
    try {
      await this.#untilWritten(round);
      for (const batch of round) release(batch);
    } catch (error) {
      this.#progress = null;
      throw error;
    }
  }

  async #untilWritten(round: readonly RecordBatch[]): Promise<void> {
    const { kafka, mayWrite, closing } = this.#terms;
    const begunMs = performance.now();
    let unwritten = round;
    for (let tries = 0; ; tries++) {
      await mayWrite();
      const outcomes = await this.#send(unwritten);
      this.#learn(outcomes);
      const failed = outcomes.filter(({ verdict }) => verdict !== 'written');
      const [first] = failed;
      if (!first) return;
      const refused = failed.find(({ verdict }) => verdict === 'too-large');
      if (refused) throw refusedBy(refused);
      const final = failed.find(({ verdict }) => verdict === 'never');
      if (final) throw notWritten(final, tries + 1, kafka);
      const waitMs = waitsMs[tries];
      if (waitMs === undefined || performance.now() - begunMs > patienceMs)
        throw notWritten(first, tries + 1, kafka);
      unwritten = failed.map(({ batch }) => batch);
      this.#producer.clearMetadata();
      await wait(waitMs, undefined, { signal: closing });
    }
  }

  async #send(batches: readonly RecordBatch[]): Promise<readonly Outcome[]> {
    try {
      const progress = (this.#progress ??= await this.#introduced());
      for (const batch of batches) stamp(batch, progress, progress.sequences.get(batch.lane) ?? 0);
      return await sendToLeaders(this.#producer, batches, this.#terms.kafka.timeout ?? patienceMs);
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause);
      return batches.map((batch) => ({ batch, verdict: 'again', said, cause }));
    }
  }

  async #introduced(): Promise<Progress> {
    const { producerId, producerEpoch } = await this.#producer.initIdempotentProducer({});
    return { producerId, producerEpoch, sequences: new Map() };
  }

  /** Counts on in the lanes that were written; a lane that was not keeps its number for the next try. */
  #learn(outcomes: readonly Outcome[]): void {
    const sequences = this.#progress?.sequences;
    for (const { batch, verdict } of outcomes)
      if (verdict === 'written')
        sequences?.set(batch.lane, sequenceAfter(sequences.get(batch.lane) ?? 0, batch.count));
    if (outcomes.some(({ verdict }) => verdict === 'forgotten')) this.#progress = null;
  }
}

const refusedBy = ({ batch, said }: Outcome): Refusal =>
  tooLarge(
    batch,
    batch.recordBytes,
    `refused it as ${sizeOf(batch)} compressed (${said}); raise its max.message.bytes`,
  );

const tooLarge = (
  { topic, count }: Pick<Records, 'topic' | 'count'>,
  bytes: number,
  limit: string,
): Refusal =>
  new Refusal(
    'too-large',
    `a batch of ${bytes} bytes (records: ${count}) is too large for topic ${topic}, which ${limit}`,
  );

function notWritten({ batch, said, cause }: Outcome, tries: number, kafka: BaseOptions): NotNow {
  const { topic, partition, count } = batch;
  return new NotNow(
    {
      what: `a batch (records: ${count}) for topic ${topic}, partition ${partition}, was not written in ${tries} tries: ${said}`,
      where: `kafka.brokers = ${kafka.bootstrapBrokers.map(String).join(', ')}`,
      fix: 'see what the brokers log; they must run, have the topic and let this user write to it',
    },
    { cause },
  );
}
