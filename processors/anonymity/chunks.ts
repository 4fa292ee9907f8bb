import { Bytes } from '../../schemas/bytes.ts';
import type { Records } from '../../schemas/records.ts';
import { laneOfKey } from '../lane.ts';
import { LaneSlab } from '../transcode/lane-slab.ts';
import type { SlabPool } from '../transcode/slab-pool.ts';
import type { Region } from './book.ts';
import { releaseText } from './pseudonyms.ts';
import type { News, Put } from './teller.ts';

export interface Publishing {
  readonly topic: string;
  readonly lanes: number;
  readonly schema: number; // As the registry numbers it.
  readonly k: number;
  readonly l: number;
  readonly pool: SlabPool; // Takes chunks back that were sent.
  readonly chunkBytes: number; // About so many; a broker takes a chunk whole or not at all.
}

const mostBytes = 8 * 1024 * 1024; // What a broker takes, whatever it costs to read.

/** One record to come. */
interface Entry {
  readonly release: string;
  readonly region: Region;
  readonly put: Put | null; // Null retracts.
}

/**
 * The records of a window's news, in chunks. A region has a lane, and what is told in it in one window is one
 * chunk: brokers keep and give chunks whole, so that at no moment a reader sees a region with fewer subjects
 * than it has in the end. In a chunk the order is that of release ids, which tells nothing.
 */
export function chunksOf(
  news: readonly News[],
  endMicros: number,
  producedAtMs: number,
  publishing: Publishing,
): readonly Records[] {
  const { lanes } = publishing;
  const byLane = Map.groupBy(
    [...news].sort((a, b) => (a.region.key < b.region.key ? -1 : 1)),
    ({ region }) => laneOfKey(Buffer.from(region.key), lanes),
  );
  const encode = encoder(publishing.schema, endMicros);
  return [...byLane].flatMap(([lane, own]) =>
    inChunks(own, publishing).map((entries) => {
      const slab = new LaneSlab(publishing.topic, lane, Infinity, publishing.pool);
      for (const entry of entries.toSorted(byRelease)) encode(entry, slab);
      return { ...slab.take(), producedAtMs };
    }),
  );
}

const byRelease = (a: Entry, b: Entry): number =>
  a.release < b.release ? -1 : a.release > b.release ? 1 : 0;

function inChunks(
  news: readonly News[],
  { k, l, chunkBytes }: Publishing,
): readonly (readonly Entry[])[] {
  const chunks: Entry[][] = [];
  let chunk: Entry[] = [];
  let bytes = 0;
  const end = () => {
    if (chunk.length > 0) chunks.push(chunk);
    chunk = [];
    bytes = 0;
  };
  for (const each of news) {
    const { entries, together } = entriesOf(each, { k, l });
    const size = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    if (bytes + size > chunkBytes) end();
    for (const [at, entry] of entries.entries()) {
      const limit = at < together ? mostBytes : chunkBytes;
      if (bytes + sizeOf(entry) > limit) end(); // Of a region that is too large for one.
      chunk.push(entry);
      bytes += sizeOf(entry);
    }
  }
  end();
  return chunks;
}

/**
 * So that, wherever it must be cut, enough subjects and sensitive values are before the cut: one row of each of k and of
 * each of l, the others, and what is over. A region that is taken back as a whole is not cut.
 */
function entriesOf({ region, releases, retractions }: News, { k, l }: Pick<Publishing, 'k' | 'l'>) {
  const seen = new Set<string>();
  const values = new Set<string>();
  const first: Entry[] = [];
  const rest: Entry[] = [];
  for (const { release, put } of releases) {
    const { subject, sensitive } = put;
    const isMore = l > 1 && sensitive !== null && values.size < l && !values.has(sensitive);
    const isNew = (seen.size < k && !seen.has(subject)) || isMore;
    if (isNew) seen.add(subject);
    if (isMore) values.add(sensitive);
    (isNew ? first : rest).push({ release, region, put });
  }
  const over = retractions.map((release): Entry => ({ release, region, put: null }));
  const together = first.length > 0 ? first.length : over.length;
  return { entries: [...first, ...rest, ...over], together };
}

const sizeOf = ({ put, region }: Entry): number =>
  put ? put.attributes.length + region.key.length + 100 : 100;

const absent = 0;
const present = 2; // The second branch of a union, in Avro's zigzag.
const opNumbers = { release: 0, retract: 1 } as const;

function encoder(schema: number, endMicros: number): (entry: Entry, slab: LaneSlab) => void {
  const start = Buffer.alloc(5);
  start.writeInt32BE(schema, 1);
  const regions = new Map<Region, Buffer>();
  const bytesOf = (region: Region) => {
    let bytes = regions.get(region);
    if (!bytes) regions.set(region, (bytes = regionBytes(region)));
    return bytes;
  };
  const key = new Bytes(64);
  const value = new Bytes(1_024);
  return ({ release, region, put }, slab) => {
    key.clear();
    key.ascii(releaseText(release));
    value.clear();
    value.copy(start, 0, start.length);
    value.addSized(key);
    value.zigzag(put ? opNumbers.release : opNumbers.retract);
    value.zigzag(endMicros);
    if (put) {
      const told = bytesOf(region);
      value.copy(told, 0, told.length);
      value.byte(present);
      value.copy(put.attributes, 0, put.attributes.length);
    } else {
      value.byte(absent);
      value.byte(absent);
    }
    slab.append(key, value);
  };
}

function regionBytes({ classes }: Region): Buffer {
  const out = new Bytes(256);
  out.byte(present);
  for (const told of classes) {
    out.byte(told === null ? absent : present);
    if (told === null) continue;
    const text = Buffer.from(told);
    out.sized(text, 0, text.length);
  }
  return Buffer.from(out.view());
}
