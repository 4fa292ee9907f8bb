import type { GovernedHead } from '../../schemas/governed-head.ts';
import { positionText } from '../../schemas/position.ts';
import type { ProvedRecord } from '../../schemas/segment-bytes.ts';

interface Said {
  readonly partition: number;
  readonly offset: number;
  readonly lsn: number;
  readonly log?: string;
  readonly watermark?: number;
}

/** A record as govern writes them, with a value that only says the log's own time. */
export function provedRecord({ partition, offset, lsn, log = 'slot', watermark }: Said) {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(watermark ?? lsn));
  const headers = Object.entries({ log, position: placeAt(lsn) });
  return {
    partition,
    offset: BigInt(offset),
    key: null,
    value,
    headers: headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const),
  } satisfies ProvedRecord;
}

export const placeAt = (lsn: number): string =>
  positionText({ timeline: 1, lsn: BigInt(lsn), seq: 0, part: 0 });

export const headOf = (value: Buffer): GovernedHead => ({
  schema: 1,
  watermark: Number(value.readBigUInt64BE()),
  policy: 'a policy',
});
