import { parseLsn } from '../../schemas/lsn.ts';

/** A timeline that came before, and where the next one forked from it. */
interface Ended {
  readonly timeline: number;
  readonly end: bigint;
}

/** The server's history file: lines of a timeline, where it ended, and why. */
export const ended = (history: string): readonly Ended[] =>
  history
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line))
    .flatMap((match) =>
      match?.[1] && match[2] ? [{ timeline: Number(match[1]), end: parseLsn(match[2]) }] : [],
    );

/**
 * Which timeline wrote the WAL at an LSN, so that decoding the same WAL again after a promotion gives
 * the same identity.
 */
export function timelines(current: number, history: string): (lsn: bigint) => number {
  const before = ended(history);
  return (lsn) => before.find(({ end }) => lsn < end)?.timeline ?? current;
}
