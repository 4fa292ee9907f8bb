import type { Decoded } from '../schemas/change.ts';
import { changeId } from '../schemas/position.ts';
import { keyText, type Key } from '../schemas/value.ts';

/** The partition of a key: the same that Kafka's own clients would choose for it. */
export function laneOf(change: Decoded, key: Key | null, lanes: number): number {
  const text = key ? keyText(key) : changeId(change.system, change.log, change.position);
  return laneOfKey(Buffer.from(text), lanes);
}

/** The partition that Kafka's own clients would choose for these bytes. */
export const laneOfKey = (key: Uint8Array, lanes: number, length = key.length): number =>
  (murmur2(key, length) & 0x7fff_ffff) % lanes;

/** As in org.apache.kafka.common.utils.Utils, whose partitioner every client follows. */
export function murmur2(data: Uint8Array, length = data.length): number {
  const m = 0x5bd1_e995;
  let h = 0x9747_b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k =
      byte(data, at) |
      (byte(data, at + 1) << 8) |
      (byte(data, at + 2) << 16) |
      (byte(data, at + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = length - at;
  if (rest > 2) h ^= byte(data, at + 2) << 16;
  if (rest > 1) h ^= byte(data, at + 1) << 8;
  if (rest > 0) h = Math.imul(h ^ byte(data, at), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

const byte = (data: Uint8Array, at: number) => data[at] ?? 0;
