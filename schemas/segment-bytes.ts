import type { Bytes } from './bytes.ts';

/** A record of a topic, as far as it is proved: where it stands, and all its bytes. Kafka's own timestamp is not among them. */
export interface ProvedRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

/** What the bytes of a segment begin with. */
export const segmentStart = Buffer.from('conductor/segment/v1\n');

const headBytes = 16; // The length of what follows, the partition, the offset.

/**
 * Appends a record to the bytes of its segment. Every length comes before what it measures, so that no
 * two lists of records have the same bytes. The digest of a segment is that of its bytes.
 */
export function writeProved(record: ProvedRecord, out: Bytes): void {
  const { partition, offset, key, value, headers } = record;
  const start = out.at;
  out.room(headBytes);
  out.at += 4;
  word(out, partition);
  word(out, Number(offset / two32));
  word(out, Number(offset % two32));
  sized(out, key);
  sized(out, value);
  word(out, headers.length);
  for (const [name, text] of headers) {
    sized(out, name);
    sized(out, text);
  }
  out.data.writeUInt32BE(out.at - start - 4, start);
}

const two32 = 0x1_0000_0000n;

/** A null is told from what is empty. */
function sized(out: Bytes, bytes: Buffer | null): void {
  word(out, bytes === null ? 0 : bytes.length + 1);
  if (bytes) out.copy(bytes, 0, bytes.length);
}

function word(out: Bytes, value: number): void {
  out.room(4);
  out.at = out.data.writeUInt32BE(value, out.at);
}

/** How many records the bytes of a segment hold; null if they are none. */
export function countProved(bytes: Buffer): number | null {
  if (!bytes.subarray(0, segmentStart.length).equals(segmentStart)) return null;
  let count = 0;
  let at = segmentStart.length;
  for (; at + 4 <= bytes.length; count++) at += 4 + bytes.readUInt32BE(at);
  return at === bytes.length ? count : null;
}

/** The records that the bytes of a segment hold, as far as they can be read. */
export function readProved(bytes: Buffer): readonly ProvedRecord[] {
  const records: ProvedRecord[] = [];
  let at = segmentStart.length;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const record = end <= bytes.length ? readOne(bytes.subarray(at + 4, end)) : null;
    if (!record) break;
    records.push(record);
    at = end;
  }
  return records;
}

function readOne(bytes: Buffer): ProvedRecord | null {
  let at = 12;
  const read = (): Buffer | null => {
    const length = bytes.readUInt32BE(at) - 1;
    at += 4;
    if (length < 0) return null;
    if (at + length > bytes.length) throw new RangeError('a length reaches past its record');
    at += length;
    return bytes.subarray(at - length, at);
  };
  try {
    const key = read();
    const value = read();
    const headers: (readonly [Buffer | null, Buffer | null])[] = [];
    const count = bytes.readUInt32BE(at);
    at += 4;
    for (let done = 0; done < count; done++) headers.push([read(), read()]);
    return {
      partition: bytes.readUInt32BE(0),
      offset: bytes.readBigUInt64BE(4),
      key,
      value,
      headers,
    };
  } catch {
    return null; // Its lengths do not fit.
  }
}
