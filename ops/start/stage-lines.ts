import type { Lag } from '../lag.ts';
import type { WorkerState } from './workers.ts';

export interface Sight {
  readonly atMs: number;
  readonly states: readonly (readonly [pipeline: string, state: WorkerState | null])[];
  readonly lag: Lag;
}

/** One line per stage: its speed since the last sight, how far it is behind, and what it refused. */
export function stageLines(before: Sight | null, now: Sight): readonly string[] {
  const head = ['stage', 'changes/s', 'behind', 'refused', ''];
  return [
    head,
    ...now.states.map(([pipeline, state]) => row(pipeline, state, { before, now })),
  ].map(([stage = '', speed = '', behind = '', refused = '', note = '']) =>
    `${stage.padEnd(20)} ${speed.padStart(10)} ${behind.padStart(16)} ${refused.padStart(8)}  ${note}`.trimEnd(),
  );
}

function row(
  pipeline: string,
  state: WorkerState | null,
  { before, now }: { readonly before: Sight | null; readonly now: Sight },
): readonly string[] {
  if (!state) return [pipeline, '', '', '', 'does not answer; started again if it died'];
  const earlier = before?.states.find(([name]) => name === pipeline)?.[1];
  const seconds = before ? (now.atMs - before.atMs) / 1_000 : 0;
  const settled = earlier ? Math.max(0, state.settled - earlier.settled) : 0;
  const speed = seconds > 0 ? Math.round(settled / seconds) : 0;
  const note = state.running ? '' : 'waits out an outage; see its log';
  return [pipeline, `${speed}`, behind(pipeline, now.lag), `${state.refused}`, note];
}

function behind(pipeline: string, { capture, stages }: Lag): string {
  if (pipeline === 'capture') return size(capture.bytes);
  const found = stages.find((stage) => stage.pipeline === pipeline);
  return found ? `${found.changes} changes` : '-';
}

const size = (bytes: number) =>
  bytes < 1_024 * 1_024 ? `${Math.round(bytes / 1_024)} kB` : `${Math.round(bytes / 1_048_576)} MB`;
