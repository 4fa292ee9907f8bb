import { randomBytes } from 'node:crypto';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { retryTopic, rowLimitBytes, topicSettings } from '../../contracts/topics.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { holdName } from '../../pipelines/wal/held-name.ts';
import { chooseLetters } from '../../replay/chosen-letters.ts';
import { comingAgain } from '../../replay/coming-again.ts';
import { LetterBatches } from '../../replay/letter-batch.ts';
import type { LetterFilter } from '../../replay/letter-search.ts';
import {
  beginJob,
  createJobTables,
  endJob,
  pipelinesDue,
  type ReplayJob,
  unfinishedJob,
} from '../../replay/replay-jobs.ts';
import { type Desk, planReplay, type ReplayPlan } from '../../replay/replay-plan.ts';
import { runReplay } from '../../replay/replay-run.ts';
import type { Transform } from '../../replay/transform.ts';
import { type Outgoing, topicSink } from '../../sinks/topic.ts';
import { sinkNames } from '../worker/sink-names.ts';
import { readContracts } from '../worker/setting.ts';
import type { Letters } from './open-letters.ts';
import { signNotice } from './sign-notice.ts';

/** How letters are to come again. */
export interface ReplayOrder {
  readonly who: string;
  readonly filter: LetterFilter;
  readonly transform: Transform | null;
  readonly rate: number | null;
  readonly told: (done: number, of: number) => void;
}

/** What a replay came to. */
export interface Replayed {
  readonly job: ReplayJob;
  readonly isSigned: boolean;
}

/** Looks at what a replay would do; nothing is sent, and nothing noted. */
export async function lookAtReplay(
  letters: Letters,
  { filter, transform }: Pick<ReplayOrder, 'filter' | 'transform'>,
): Promise<ReplayPlan> {
  await using desk = await deskOf(letters, transform, 'dry-run');
  const { letters: found, waiting } = await chooseLetters(letters.db, filter);
  return await planReplay(desk, found, waiting);
}

/** Replays letters; null for the job where there are none of that kind. */
export const replayLetters = (
  letters: Letters,
  order: ReplayOrder,
): Promise<{ readonly plan: ReplayPlan; readonly replayed: Replayed | null }> =>
  alone(letters, async () => {
    const { db } = letters;
    const open = await unfinishedJob(db);
    if (open)
      throw new CannotRun({
        what: `job ${open.job}, a replay of ${open.letters} letters, was begun and has not ended`,
        where: 'conductor_replays in state.url',
        fix: 'conductor replay dlq --resume, with the same --transform if it had one',
      });
    const { who, filter, transform } = order;
    const job = jobName(new Date());
    await using desk = await deskOf(letters, transform, job);
    const { letters: found, waiting } = await chooseLetters(db, filter);
    checkReaders(letters, new Set(found.map(({ pipeline }) => pipeline)), leaveOut);
    const plan = await planReplay(desk, found, waiting);
    if (plan.items.length === 0) return { plan, replayed: null };
    const digest = transform && transform.digest;
    await beginJob(
      db,
      { job, who, filter: told(filter), transform: digest },
      plan.items,
      plan.digest,
    );
    return { plan, replayed: await goOn(letters, order, desk) };
  });

const leaveOut =
  'leave them out by --pipeline, and rebuild their tables: conductor replay range --into postgres --stream T; or ';

/** A mirror that shows whole transactions takes nothing out of their order. */
function checkReaders(
  { config }: Pick<Letters, 'config'>,
  pipelines: ReadonlySet<string>,
  otherwise = '',
): void {
  if (config.sinks.postgres?.consistency !== 'transactions') return;
  if (!pipelines.has('deliver-postgres')) return;
  throw new CannotRun({
    what: 'letters of deliver-postgres cannot come again to a mirror that shows whole transactions',
    where: 'sinks.postgres.consistency = transactions',
    fix: `${otherwise}set fastest for as long as they come again`,
  });
}

/** Goes on with the job that was begun and has not ended. */
export const resumeReplay = (
  letters: Letters,
  order: Pick<ReplayOrder, 'transform' | 'rate' | 'told'>,
): Promise<Replayed> =>
  alone(letters, async () => {
    const job = await unfinishedJob(letters.db);
    if (!job)
      throw new CannotRun({
        what: 'there is no replay that was begun and has not ended',
        where: 'conductor_replays in state.url',
        fix: 'begin one: conductor replay dlq --reason R --table T',
      });
    const { transform } = order;
    if ((transform?.digest ?? null) !== job.transform)
      throw new CannotRun({
        what: `job ${job.job} was begun ${job.transform === null ? 'without a transform' : `with the transform of digest ${job.transform}`}`,
        where: '--transform',
        fix: job.transform === null ? 'leave --transform out' : 'name that file, as it was then',
      });
    checkReaders(letters, await pipelinesDue(letters.db, job));
    await using desk = await deskOf(letters, transform, job.job);
    return await goOn(letters, order, desk);
  });

async function goOn(
  letters: Letters,
  { rate, told: tell }: Pick<ReplayOrder, 'rate' | 'told'>,
  desk: Desk,
): Promise<Replayed> {
  const { db, kafka, config } = letters;
  const begun = await unfinishedJob(db);
  if (!begun) throw new Error('the job was ended by somebody else');
  const topics = ['govern', ...sinkNames.map((sink) => `deliver-${sink}`)].map(retryTopic);
  await ensureTopics(
    kafka,
    topics.map((name) => topicSettings(name, config.kafka.partitions)),
    config.kafka.replication,
  );
  await using sink = topicSink<Outgoing>(kafka, 'retries', (record) => record, rowLimitBytes);
  await runReplay({ db, desk, sink, rate, told: tell }, begun);
  const job = (await unfinishedJob(db)) ?? begun;
  const isSigned = await signNotice(letters, {
    action: 'replay',
    job: job.job,
    who: job.who,
    why: null,
    begunAt: job.begunAt.toISOString(),
    filter: { ...job.filter },
    counts: { letters: job.letters, sent: job.sent, dropped: job.dropped },
    letters: job.digest,
    transform: job.transform,
  });
  await endJob(db, job.job);
  return { job, isSigned };
}

async function deskOf(
  { config, kafka, registry, keyring }: Letters,
  transform: Transform | null,
  job: string,
): Promise<Desk & AsyncDisposable> {
  const batches = new LetterBatches(kafka, registry);
  const again = comingAgain({
    database: config.database,
    contracts: await readContracts(config),
    partitions: config.kafka.partitions,
    registry,
    keyring,
    transform,
    job,
    usage: config.metering?.topic ?? null,
  });
  return { batches, keyring, again, [Symbol.asyncDispose]: () => batches[Symbol.asyncDispose]() };
}

/** A name by which jobs are in the order of their beginning. */
export function jobName(at: Date): string {
  const time = at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase();
  return `${time}-${randomBytes(3).toString('hex')}`;
}

/** A filter as it is noted: of a key its hash, and nothing that was left out. */
export const told = (filter: LetterFilter): Readonly<Record<string, unknown>> =>
  JSON.parse(JSON.stringify(filter)) as Record<string, unknown>;

/** One replay at a time: of a key nothing may overtake what is older. */
async function alone<T>({ db }: Letters, work: () => Promise<T>): Promise<T> {
  await createJobTables(db);
  await using held = await holdName(db, 'conductor.replay');
  if (held) return await work();
  throw new CannotRun({
    what: 'another replay is running',
    where: 'state.url',
    fix: 'wait until it has ended; one at a time keeps the changes of a key in order',
  });
}
