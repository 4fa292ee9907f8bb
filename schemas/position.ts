import { hash } from 'node:crypto';

/**
 * Where a change stands in the log of its source. `seq` numbers the changes of a transaction,
 * `part` tells apart what one of them becomes. Newer means greater, never later.
 */
export interface Position {
  readonly timeline: number;
  readonly lsn: bigint; // Of the commit: one for a whole transaction.
  readonly seq: number;
  readonly part: number;
}

export function compare(a: Position, b: Position): number {
  if (a.timeline !== b.timeline) return a.timeline - b.timeline;
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return a.seq - b.seq || a.part - b.part;
}

/** Text of fixed width whose byte order is the order of positions, so that any store can compare it. */
export function positionText({ timeline, lsn, seq, part }: Position): string {
  return `${hex(timeline, 8)}/${hex(lsn, 16)}/${hex(seq, 8)}/${hex(part, 8)}`;
}

export function parsePosition(text: string): Position {
  const [timeline, lsn, seq, part, ...rest] = text.split('/');
  if (!timeline || !lsn || !seq || !part || rest.length > 0)
    throw new TypeError(`not a position: ${JSON.stringify(text)}`);
  return {
    timeline: Number.parseInt(timeline, 16),
    lsn: BigInt(`0x${lsn}`),
    seq: Number.parseInt(seq, 16),
    part: Number.parseInt(part, 16),
  };
}

/**
 * The identity of a change: the same however often and by whichever worker it is decoded. Two slots
 * number the changes of a transaction each for itself, so their log is part of it.
 */
export function changeId(system: string, log: string, position: Position): string {
  return hash('sha256', `${system}/${log}/${positionText(position)}`, 'hex').slice(0, 32);
}

const hex = (value: number | bigint, width: number) => value.toString(16).padStart(width, '0');
