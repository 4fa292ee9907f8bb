import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionPool } from '@databases/pg';
import { failpoint } from '../pipelines/flow/failpoint.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import { retryHeaders } from '../pipelines/topic/retries.ts';
import type { Outgoing } from '../sinks/topic.ts';
import type { Again } from './coming-again.ts';
import { type Due, dueOf, type Item, noteProgress, type ReplayJob } from './replay-jobs.ts';
import { type Desk, openAll, portions } from './replay-plan.ts';

/** What a job is run with. */
export interface ReplayRun {
  readonly db: ConnectionPool;
  readonly desk: Desk;
  readonly sink: Sink<Outgoing>; // To the topics of retries.
  readonly rate: number | null; // Letters in a second; null as fast as it goes.
  readonly told: (done: number, of: number) => void;
}

const atOnce = 500;

/**
 * Brings the letters of a job again, from where it was left. What was sent and not noted before a kill is sent once
 * more, in the same log and at the same positions: govern has it already, and so have sinks.
 */
export async function runReplay(
  { db, desk, sink, rate, told }: ReplayRun,
  job: ReplayJob,
): Promise<void> {
  const begun = performance.now();
  const size = rate === null ? atOnce : Math.min(atOnce, Math.max(1, Math.ceil(rate / 4)));
  let done = job.done;
  for (;;) {
    const due = await dueOf(db, { job: job.job, done }, size);
    if (due.length === 0) return;
    for (const portion of portions(due)) {
      done = await bring({ db, desk, sink }, job.job, portion);
      told(done, job.letters);
      if (rate === null) continue;
      const ahead = ((done - job.done) / rate) * 1_000 - (performance.now() - begun);
      if (ahead > 0) await wait(ahead);
    }
  }
}

async function bring(
  { db, desk, sink }: Pick<ReplayRun, 'db' | 'desk' | 'sink'>,
  job: string,
  portion: readonly Due[],
): Promise<number> {
  const out: Outgoing[] = [];
  const sent: Item[] = [];
  const dropped: Item[] = [];
  const turns = portion.filter(({ hasTurn }) => hasTurn);
  await openAll(desk, turns, ({ topic, id }, again) => {
    if (typeof again === 'string') return; // It was readable when the job began, and stays as it is.
    (again.value ? sent : dropped).push({ topic, id });
    const record = outgoing(again, job, id);
    if (record) out.push(record);
  });
  failpoint('replaying');
  await sink.write(out);
  failpoint('replayed');
  const done = (portion.at(-1)?.number ?? 0) + 1;
  await noteProgress(db, job, { done, sent, dropped });
  return done;
}

/** The record of a topic of retries; null where nothing comes again, and nobody can hold a key for it. */
function outgoing(again: Again, job: string, letter: string): Outgoing | null {
  const { retry, topic, lane, key, value } = again;
  if (!value && !key) return null;
  const headers = {
    [retryHeaders.topic]: topic,
    [retryHeaders.letter]: letter,
    [retryHeaders.job]: job,
  };
  return { topic: retry, partition: lane, key, value: value ?? nothing, headers };
}

const nothing = Buffer.alloc(0);
