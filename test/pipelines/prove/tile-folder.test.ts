import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  readEntries,
  readLeafHashes,
  TileFolder,
  tilePath,
} from '../../../pipelines/prove/tile-folder.ts';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  rootOf,
  subtreesOf,
} from '../../../schemas/merkle-tree.ts';

const home = mkdtempSync(join(tmpdir(), 'conductor-tiles-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const entries = Array.from({ length: 66_000 }, (_, n) => Buffer.from(`entry ${n}`));
const leaves = entries.map((entry) => leafHash(entry));

test('tiles lie where the specification says', () => {
  expect(tilePath('0', 1_234_067, 0)).toBe('tile/0/x001/x234/067');
  expect(tilePath('entries', 0, 0)).toBe('tile/entries/000');
  expect(tilePath('2', 5, 17)).toBe('tile/2/005.p/17');
});

test('the tree of 70,000 entries that the specification speaks of has its tiles', () => {
  const folder = join(home, 'spec');
  const tiles = TileFolder.empty(folder);
  for (let n = 0; n < 70_000; n++) tiles.append(Buffer.from([n & 255]));
  tiles.save();
  const width = (path: string) => readFileSync(join(folder, path)).length / 32;
  expect(width('tile/0/272')).toBe(256);
  expect(width('tile/0/273.p/112')).toBe(112);
  expect(width('tile/1/000')).toBe(256);
  expect(width('tile/1/001.p/17')).toBe(17);
  expect(width('tile/2/000.p/1')).toBe(1);
  expect(existsSync(join(folder, 'tile/0/273'))).toBe(false);
});

const sizes = [0, 1, 2, 7, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 66_000];

test('a log that is opened anew at any size goes on as if it had not been closed', () => {
  const folder = join(home, 'anew');
  let tiles = TileFolder.empty(folder);
  for (const size of sizes) {
    for (let n = tiles.size; n < size; n++) tiles.append(entries[n]!);
    tiles.save();
    tiles = TileFolder.open(folder, size);
    expect(tiles.root.toString('hex'), `of ${size}`).toBe(rootOf(leaves, size).toString('hex'));
    expect(readEntries(folder, size)).toHaveLength(size);
    expect(readEntries(folder, size).at(-1)).toEqual(entries[size - 1]);
    expect(readLeafHashes(folder, size).at(-1)).toEqual(leaves[size - 1]);
  }
});

test('a tile that was filled since is read as it was before', () => {
  const folder = join(home, 'filled');
  const tiles = TileFolder.empty(folder);
  for (let n = 0; n < 250; n++) tiles.append(entries[n]!);
  tiles.save();
  for (let n = 250; n < 300; n++) tiles.append(entries[n]!);
  tiles.save();
  const before = TileFolder.open(folder, 250);
  expect(before.root).toEqual(rootOf(leaves, 250));
  expect(before.entryAt(249)).toEqual(entries[249]);
  expect(inclusionProof(7, 250, before.subtree)).toEqual(
    inclusionProof(7, 250, subtreesOf(leaves.slice(0, 250))),
  );
  for (let n = 250; n < 600; n++) before.append(entries[n]!);
  before.save();
  expect(TileFolder.open(folder, 600).root).toEqual(rootOf(leaves, 600));
});

test('proofs from tiles are those of the tree', () => {
  const folder = join(home, 'anew');
  const size = 66_000;
  const tiles = TileFolder.open(folder, size);
  const { subtree } = tiles;
  const known = subtreesOf(leaves);
  for (const index of [0, 255, 256, 65_535, 65_536, 65_999]) {
    expect(tiles.entryAt(index)).toEqual(entries[index]);
    expect(inclusionProof(index, size, subtree)).toEqual(inclusionProof(index, size, known));
  }
  for (const older of [1, 255, 257, 65_535, 65_536, 65_999])
    expect(consistencyProof(older, size, subtree)).toEqual(consistencyProof(older, size, known));
});

test('a folder that lacks a tile is not gone on from', () => {
  const folder = join(home, 'torn');
  const tiles = TileFolder.empty(folder);
  for (let n = 0; n < 300; n++) tiles.append(entries[n]!);
  tiles.save();
  rmSync(join(folder, 'tile/0/001.p'), { recursive: true });
  expect(() => TileFolder.open(folder, 300)).toThrow('ENOENT');
  expect(readEntries(folder, 300)).toHaveLength(300);
});
