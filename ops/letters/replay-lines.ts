import type { Left, PlannedKind, ReplayPlan } from '../../replay/replay-plan.ts';
import { aligned } from '../aligned.ts';
import type { Replayed } from './replay-letters.ts';

/** What a replay would do, or does, for people. */
export function planLines({ kinds }: ReplayPlan): readonly string[] {
  if (kinds.length === 0) return ['no letter is of that kind'];
  const rows = kinds.map(({ pipeline, table, reason, letters, again, dropped, left }) => [
    pipeline,
    table ?? '-',
    reason,
    `${letters}`,
    `${again}`,
    `${dropped}`,
    `${sum(left)}`,
  ]);
  return [
    ...aligned([
      ['pipeline', 'table', 'reason', 'letters', 'come again', 'dropped', 'stay'],
      ...rows,
    ]),
    ...kinds.flatMap(changedLines),
    ...leftLines(kinds),
  ];
}

/** Which columns a transform changes, and in how many rows: no value of them. */
function changedLines({ pipeline, table, changed, letters }: PlannedKind): readonly string[] {
  return Object.entries(changed).map(
    ([column, count]) =>
      `${pipeline} ${table ?? '-'}: ${column} changes in ${count} of ${letters}: *** -> ***`,
  );
}

function leftLines(kinds: readonly PlannedKind[]): readonly string[] {
  const all = new Map<string, number>();
  for (const { left } of kinds)
    for (const [why, count] of Object.entries(left)) all.set(why, (all.get(why) ?? 0) + count);
  return [...all].map(([why, count]) => `${count} stay: ${leftWords[why as Left]}`);
}

const leftWords: Readonly<Record<Left, string>> = {
  elsewhere: 'their tables are not under contract here',
  'no-change': 'nothing in them can be read as a change; waive them once they are understood',
  erased: 'whom they tell of was erased',
  refused:
    'they would be refused as they are: no key or owner is told, a value does not fit, or they are too large',
  governed: 'the transform changes a column that policy does not keep as it is',
  gone: 'retention has taken them',
  destroyed: 'their key was destroyed: whom they tell of was erased',
  unknown: 'the keyring has no key for them',
  damaged: 'they were changed since they were sealed',
  waits: 'they are held for an earlier letter that is not among these',
};

/** What a job has done, for people. */
export function replayedLines({ job, isSigned }: Replayed): readonly string[] {
  const { letters, sent, dropped } = job;
  const others = letters - sent - dropped;
  const stay = others > 0 ? `, ${others} were decided about or gone meanwhile` : '';
  return [
    `job ${job.job}: ${sent} letters came again, ${dropped} were dropped${stay}`,
    isSigned
      ? `signed: letters/${job.job} in the log`
      : 'not signed: there is no log (provenance); conductor_replays in the state database has the job',
  ];
}

/** The same for machines. */
export const resultOf = (plan: ReplayPlan | null, replayed: Replayed | null) => ({
  kinds: plan?.kinds ?? null,
  job: replayed && {
    job: replayed.job.job,
    letters: replayed.job.letters,
    sent: replayed.job.sent,
    dropped: replayed.job.dropped,
    digest: replayed.job.digest,
    transform: replayed.job.transform,
    signed: replayed.isSigned,
  },
});

const sum = (counts: PlannedKind['left']): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);
