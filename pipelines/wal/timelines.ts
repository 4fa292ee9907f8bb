import { parseLsn } from '../../schemas/lsn.ts';

/**
 * Which timeline wrote the WAL at an LSN, from the server's history file: lines of a timeline, where
 * it ended, and why. So that decoding the same WAL again after a promotion gives the same identity.
 */
export function timelines(current: number, history: string): (lsn: bigint) => number {
  const ended = history
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line))
    .flatMap((match) =>
      match?.[1] && match[2] ? [{ timeline: Number(match[1]), end: parseLsn(match[2]) }] : [],
    );
  return (lsn) => ended.find(({ end }) => lsn < end)?.timeline ?? current;
}
