import { writeText } from '../../schemas/avro-writer.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { frontOf, type GovernedHead } from '../../schemas/governed-head.ts';
import { positionText } from '../../schemas/position.ts';
import type { ProvedRecord } from '../../schemas/segment-bytes.ts';

interface Said {
  readonly partition: number;
  readonly offset: number;
  readonly lsn: number;
  readonly log?: string;
  readonly watermark?: number;
}

/** A record as govern writes them, with a value that has no more than its front. */
export function provedRecord({ partition, offset, lsn, log = 'slot', watermark = lsn }: Said) {
  const value = new Bytes(64);
  value.copy(Buffer.from([0, 0, 0, 0, 7]), 0, 5);
  for (const text of ['a server', log]) writeText(text, value);
  for (const number of [1, lsn, 0, 0, 0, 9, 9, watermark]) value.zigzag(number);
  const record = { partition, offset: BigInt(offset), key: null, value: value.view(), headers: [] };
  return record satisfies ProvedRecord;
}

export const placeAt = (lsn: number): string =>
  positionText({ timeline: 1, lsn: BigInt(lsn), seq: 0, part: 0 });

export const headOf = (value: Buffer): GovernedHead | null => {
  const front = frontOf(value);
  return front && { ...front, schema: 1, policy: 'a policy' };
};
