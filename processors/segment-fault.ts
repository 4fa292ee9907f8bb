import { hash } from 'node:crypto';
import { Bytes } from '../schemas/bytes.ts';
import { frontOf } from '../schemas/governed-head.ts';
import {
  countProved,
  type ProvedRecord,
  readProved,
  segmentStart,
  writeProved,
} from '../schemas/segment-bytes.ts';
import type { Manifest } from '../schemas/stream-manifest.ts';
import { PositionOrder } from './position-order.ts';

/** What is wrong with the bytes of a segment, in words; null if they are those that its manifest speaks of. */
export function segmentFault(manifest: Manifest, bytes: Buffer): string | null {
  const isSame = hash('sha256', bytes, 'hex') === manifest.sha256;
  if (isSame && countProved(bytes) === manifest.count) return null;
  if (isSame) return 'it counts other records than its manifest says';
  return explained(manifest, readProved(bytes));
}

/** One digest tells that something is wrong; offsets and positions tell what. */
function explained(manifest: Manifest, records: readonly ProvedRecord[]): string {
  const { count } = manifest;
  const seen = new Set<string>();
  const twice: string[] = [];
  const strange: string[] = [];
  for (const record of records) {
    const name = nameOf(record);
    if (seen.has(name)) twice.push(name);
    else if (!isCovered(manifest, record)) strange.push(name);
    seen.add(name);
  }
  const missing = missingOf(manifest, seen);
  if (twice.length > 0) return `${some(twice)} comes more than once: a duplicate was put in`;
  if (strange.length > 0)
    return `${some(strange)} is not among the offsets of the manifest: a record was put in, or moved`;
  if (missing.length > 0) return `${some(missing)} is missing: a record was removed`;
  if (records.length < count)
    return `${count - records.length} of its ${count} records are missing: records were removed`;
  if (records.length > count)
    return `it has ${records.length} records, and its manifest counts ${count}: records were put in`;
  const moved = firstMoved(manifest, records);
  if (moved !== null) return `its records are not in their order, from ${moved} on: a reordering`;
  return 'its bytes have another digest, though no record is missing: a record was changed';
}

const nameOf = ({ partition, offset }: ProvedRecord): string =>
  `the record at partition ${partition}, offset ${offset}`;

const some = ([first = '', ...others]: readonly string[]): string =>
  others.length === 0 ? first : `${first}, and ${others.length} more`;

function isCovered({ offsets }: Manifest, { partition, offset }: ProvedRecord): boolean {
  const [from, to] = offsets[partition] ?? [0, 0];
  return offset >= BigInt(from) && offset < BigInt(to);
}

/** Where offsets have no holes, each of them is a record. */
function missingOf({ offsets, count }: Manifest, seen: ReadonlySet<string>): readonly string[] {
  const ranges = Object.entries(offsets);
  const room = ranges.reduce((sum, [, [from, to]]) => sum + to - from, 0);
  if (room !== count) return [];
  const missing: string[] = [];
  for (const [partition, [from, to]] of ranges)
    for (let at = from; at < to; at++) {
      const name = nameOf({ ...nothing, partition: Number(partition), offset: BigInt(at) });
      if (!seen.has(name)) missing.push(name);
    }
  return missing;
}

const nothing = { key: null, value: null, headers: [] };

/** The first record that is out of its place, where the same records in another order are those that were proved. */
function firstMoved(manifest: Manifest, records: readonly ProvedRecord[]): string | null {
  for (const arrange of [asOffsetsSay, asPositionsSay]) {
    const placed = inOrder(manifest, arrange(records));
    if (hash('sha256', bytesOf(placed), 'hex') !== manifest.sha256) continue;
    const moved = records.find((record, at) => !isSame(record, placed[at]));
    return moved ? nameOf(moved) : null;
  }
  return null;
}

const asOffsetsSay = (records: readonly ProvedRecord[]): readonly ProvedRecord[] =>
  records.toSorted((a, b) => Number(a.offset - b.offset));

/** Where they changed places within their partition, offsets stay and what stands there is another's. */
function asPositionsSay(records: readonly ProvedRecord[]): readonly ProvedRecord[] {
  const lanes = Map.groupBy(asOffsetsSay(records), ({ partition }) => partition);
  return [...lanes.values()].flatMap((lane) => {
    const sorted = lane.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    return sorted.map((record, at) => ({ ...record, offset: lane[at]?.offset ?? record.offset }));
  });
}

const placeOf = ({ value }: ProvedRecord): string => (value && frontOf(value)?.position) ?? '';

const isSame = (a: ProvedRecord, b: ProvedRecord | undefined): boolean =>
  b !== undefined && a.partition === b.partition && a.offset === b.offset && a.value === b.value;

function inOrder({ from }: Manifest, records: readonly ProvedRecord[]): readonly ProvedRecord[] {
  const lanes = Map.groupBy(records, ({ partition }) => partition);
  const partitions = [...lanes.keys()].toSorted((a, b) => a - b);
  const order = new PositionOrder<ProvedRecord>({ floor: from, limit: null, partitions });
  for (const [partition, lane] of lanes) {
    order.feed(partition, lane);
    order.end(partition);
  }
  const placed: ProvedRecord[] = [];
  order.take((record) => placed.push(record));
  return placed;
}

function bytesOf(records: readonly ProvedRecord[]): Buffer {
  const out = new Bytes(1024 * 1024);
  out.copy(segmentStart, 0, segmentStart.length);
  for (const record of records) writeProved(record, out);
  return out.view();
}
