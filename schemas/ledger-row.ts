import type { Usage } from './usage.ts';

/** An event of usage at its place: of one name, that with the least offset of its lane stands. */
export interface LedgerRow extends Usage {
  readonly topic: string;
  readonly lane: number;
  readonly offset: bigint;
}
