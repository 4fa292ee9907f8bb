import { Bytes } from '../../schemas/bytes.ts';
import type { Records } from '../../schemas/records.ts';
import { laneOfKey } from '../lane.ts';
import { LaneSlab } from '../transcode/lane-slab.ts';
import type { SlabPool } from '../transcode/slab-pool.ts';
import type { Region } from './book.ts';
import type { Wanted } from './clusters.ts';
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
  const add = (entries: readonly Entry[], size: number) => {
    if (bytes + size > chunkBytes) end(); // Of a region that is too large for one.
    for (const entry of entries) chunk.push(entry);
    bytes += size;
  };
  for (const each of news) {
    const { first, others, last } = piecesOf(each, { k, l });
    const [before, after] = [sumOf(first), sumOf(last)];
    const size = before + sumOf(others) + after;
    if (bytes + size > chunkBytes) end();
    add(first, before);
    if (bytes + size <= chunkBytes) add(others, size - before - after);
    else for (const entry of others) add([entry], sizeOf(entry));
    add(last, after);
  }
  end();
  return chunks;
}

/** Whom and what a record tells of, whether it releases or retracts. */
interface Telling {
  readonly subject: string | number;
  readonly sensitive: string | null;
}

/**
 * So that, wherever it is cut between two pieces, k subjects and l sensitive values are told or nobody: of what is
 * released a row of each of so many comes first, and of what is over a row of each of so many goes last.
 */
function piecesOf({ region, releases, retractions }: News, wanted: Wanted) {
  const fresh = oneOfEach(releases, wanted, ({ put }) => put);
  const over = oneOfEach(retractions, wanted, (told) => told);
  const isReleased = ({ release, put }: News['releases'][number]) => ({ release, region, put });
  const isOver = ({ release }: News['retractions'][number]) => ({ release, region, put: null });
  const first: readonly Entry[] = fresh.some.map(isReleased);
  const others: Entry[] = fresh.others.map(isReleased);
  for (const told of over.others) others.push(isOver(told));
  const last: readonly Entry[] = over.some.map(isOver);
  return { first, others, last };
}

/** One for each of k subjects and each of l values, and the others. */
function oneOfEach<Each>(
  all: readonly Each[],
  { k, l }: Wanted,
  tellingOf: (each: Each) => Telling,
) {
  const subjects = new Set<string | number>();
  const values = new Set<string>();
  const some: Each[] = [];
  const others: Each[] = [];
  for (const each of all) {
    const { subject, sensitive } = tellingOf(each);
    const isMore = l > 1 && sensitive !== null && values.size < l && !values.has(sensitive);
    const isOne = (subjects.size < k && !subjects.has(subject)) || isMore;
    if (isOne) subjects.add(subject);
    if (isMore) values.add(sensitive);
    (isOne ? some : others).push(each);
  }
  return { some, others };
}

const sizeOf = ({ put, region }: Entry): number =>
  put ? put.attributes.length + region.key.length + 100 : 100;

const sumOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + sizeOf(entry), 0);

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
