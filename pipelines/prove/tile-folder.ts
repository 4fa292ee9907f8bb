import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  emptyRoot,
  type Hash,
  leafHash,
  nodeHash,
  rootOf,
  splitOf,
  type Subtree,
} from '../../schemas/merkle-tree.ts';

const width = 256;
const hashBytes = 32;

/**
 * A log in a folder, as C2SP tlog-tiles lays it out: its entries, and the hashes of its tree. Any web
 * server or object store can offer it. It is made of the topic and may be made again.
 */
export class TileFolder {
  readonly #folder: string;
  readonly #edges: Hash[][] = []; // Of each level, the hashes of its last tile, which is not full.
  #entries: Buffer[] = []; // Those of the last bundle.
  #size = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Goes on from a folder that has entries; throws if it has not. */
  static open(folder: string, size: number): TileFolder {
    const tiles = new TileFolder(folder);
    tiles.#size = size;
    for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / width)) {
      const part = count % width;
      tiles.#edges[level] =
        part > 0 ? hashesOf(tiles.#read(String(level), count, part)).slice(0, part) : [];
    }
    if (size % width > 0)
      tiles.#entries = entriesIn(tiles.#read('entries', size, size % width), size % width);
    return tiles;
  }

  static empty(folder: string): TileFolder {
    rmSync(join(folder, 'tile'), { recursive: true, force: true });
    return new TileFolder(folder);
  }

  get size(): number {
    return this.#size;
  }

  get root(): Hash {
    let root: Hash | null = null;
    for (const edge of this.#edges) {
      const hashes: readonly Hash[] = root ? [...edge, root] : edge;
      if (hashes.length > 0) root = rootOf(hashes);
    }
    return root ?? emptyRoot;
  }

  /** Appends an entry; it is in the folder once it is saved. */
  append(entry: Buffer): void {
    if (entry.length > 0xffff)
      throw new RangeError(`an entry of ${entry.length} bytes does not fit a bundle`);
    this.#entries.push(entry);
    this.#push(0, Math.floor(this.#size / width), leafHash(entry));
    this.#size++;
    if (this.#entries.length < width) return;
    this.#write('entries', this.#size - 1, 0, bundle(this.#entries));
    this.#entries = [];
  }

  /** Writes the tiles that are not full. */
  save(): void {
    for (const [level, edge] of this.#edges.entries()) {
      const count = Math.floor(this.#size / width ** level);
      if (edge.length > 0) this.#write(String(level), count, edge.length, Buffer.concat(edge));
    }
    if (this.#entries.length > 0)
      this.#write('entries', this.#size, this.#entries.length, bundle(this.#entries));
  }

  /** One entry of those that are saved. */
  entryAt(index: number): Buffer | undefined {
    const at = index % width;
    return entriesIn(this.#tileOf('entries', this.#size, index), at + 1)[at];
  }

  /** The hashes of the tree that is saved, of whatever size up to that. */
  get subtree(): Subtree {
    const subtree: Subtree = (from, to) => {
      const count = to - from;
      let level = 0;
      while (width ** (level + 1) <= count && from % width ** (level + 1) === 0) level++;
      if (count === width ** level) return this.#hashAt(level, from / width ** level);
      const split = splitOf(from, to);
      return nodeHash(subtree(from, split), subtree(split, to));
    };
    return subtree;
  }

  #hashAt(level: number, index: number): Hash {
    const count = Math.floor(this.#size / width ** level);
    const hashes = this.#tileOf(String(level), count, index);
    const at = (index % width) * hashBytes;
    return hashes.subarray(at, at + hashBytes);
  }

  /** The tile that has what is at an index, of so many in all. */
  #tileOf(kind: string, count: number, index: number): Buffer {
    const isLast = Math.floor(index / width) === Math.floor(count / width);
    return this.#read(kind, index, isLast ? count % width : 0);
  }

  #push(level: number, tile: number, hash: Hash): void {
    const edge = (this.#edges[level] ??= []);
    edge.push(hash);
    if (edge.length < width) return;
    this.#write(String(level), tile * width, 0, Buffer.concat(edge));
    this.#edges[level] = [];
    this.#push(level + 1, Math.floor(tile / width), rootOf(edge));
  }

  #read(kind: string, index: number, part: number): Buffer {
    return readTile(this.#folder, kind, Math.floor(index / width), part);
  }

  /** Those that led to a full tile go with it. */
  #write(kind: string, index: number, part: number, bytes: Buffer): void {
    const tile = Math.floor(index / width);
    const path = join(this.#folder, tilePath(kind, tile, part));
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, bytes);
    if (part === 0) rmSync(`${path}.p`, { recursive: true, force: true });
  }
}

/** Writes a file that is there whole or not at all. */
export function writeWhole(path: string, bytes: Uint8Array | string): void {
  const made = `${path}.${process.pid}.new`; // Two processes may write the same.
  writeFileSync(made, bytes);
  renameSync(made, path);
}

/** Entries of a log in a folder, from the first on, as many as `size`, or fewer where the folder has no more. */
export const readEntries = (folder: string, size: number): readonly Buffer[] =>
  readTiles(folder, 'entries', size, entriesIn);

/** The hashes of entries, as the folder has them. */
export const readLeafHashes = (folder: string, size: number): readonly Hash[] =>
  readTiles(folder, '0', size, (bytes, count) => hashesOf(bytes).slice(0, count));

function readTiles(
  folder: string,
  kind: string,
  size: number,
  read: (bytes: Buffer, count: number) => Buffer[],
): readonly Buffer[] {
  const all: Buffer[] = [];
  for (let tile = 0; tile * width < size; tile++) {
    const wanted = Math.min(size - tile * width, width);
    if (pathOf(folder, kind, tile, wanted % width) === undefined) break;
    all.push(...read(readTile(folder, kind, tile, wanted % width), wanted));
  }
  return all;
}

/** The bytes of a tile; of one that has become full since, more than were asked for. */
const readTile = (folder: string, kind: string, tile: number, part: number): Buffer =>
  readFileSync(pathOf(folder, kind, tile, part) ?? join(folder, tilePath(kind, tile, part)));

/** A tile that is not full may have become full since, and be gone. */
const pathOf = (folder: string, kind: string, tile: number, part: number): string | undefined =>
  [part, 0]
    .map((each) => join(folder, tilePath(kind, tile, each)))
    .find((path) => existsSync(path));

/** Where a tile lies: `tile/0/x001/x234/067`, and `.p/112` below it if it is not full. */
export function tilePath(kind: string, tile: number, part: number): string {
  const digits = String(tile).padStart(Math.ceil(String(tile).length / 3) * 3, '0');
  const groups = digits.match(/.{3}/g) ?? [];
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${kind}/${path}${part > 0 ? `.p/${part}` : ''}`;
}

const bundle = (entries: readonly Buffer[]): Buffer =>
  Buffer.concat(
    entries.flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );

function entriesIn(bytes: Buffer, count: number): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length && entries.length < count;) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) break;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

function hashesOf(bytes: Buffer): Hash[] {
  const hashes: Hash[] = [];
  for (let at = 0; at < bytes.length; at += hashBytes)
    hashes.push(bytes.subarray(at, at + hashBytes));
  return hashes;
}
