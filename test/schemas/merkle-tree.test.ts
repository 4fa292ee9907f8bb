import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  consistencyProof,
  emptyRoot,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  rootOf,
  rootsOf,
  subtreesOf,
} from '../../schemas/merkle-tree.ts';

// The entries and roots that implementations of RFC 6962 are held to (certificate-transparency, merkletree).
const entries = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = entries.map((entry) => leafHash(Buffer.from(entry, 'hex')));
const root = (size: number) => Buffer.from(roots[size]!, 'hex');

test.each(roots.map((hex, size) => [size, hex] as const))(
  'the root of the first %i published entries',
  (size, hex) => {
    expect(rootOf(leaves, size).toString('hex')).toBe(hex);
  },
);

test('a tree without entries has the hash of nothing', () => {
  expect(emptyRoot).toEqual(root(0));
});

// The paths of RFC 6962's own example (2.1.3), in its letters: seven entries.
test("the paths of RFC 6962's example tree", () => {
  const subtree = subtreesOf(leaves);
  const [b, c, d, e, f, j] = [leaves[1], leaves[2], leaves[3], leaves[4], leaves[5], leaves[6]];
  const [g, h, i] = [subtree(0, 2), subtree(2, 4), subtree(4, 6)];
  const [k, l] = [subtree(0, 4), subtree(4, 7)];
  expect(inclusionProof(0, 7, subtree)).toEqual([b, h, l]);
  expect(inclusionProof(3, 7, subtree)).toEqual([c, g, l]);
  expect(inclusionProof(4, 7, subtree)).toEqual([f, j, k]);
  expect(inclusionProof(6, 7, subtree)).toEqual([i, k]);
  expect(consistencyProof(3, 7, subtree)).toEqual([c, d, g, l]);
  expect(consistencyProof(4, 7, subtree)).toEqual([l]);
  expect(consistencyProof(6, 7, subtree)).toEqual([i, j, k]);
  expect(e).toBeDefined();
});

const tree = fc
  .array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 40 })
  .map((values) => values.map((value) => leafHash(value)));

test('every entry of every tree has a proof, and a flipped bit of it is found', () => {
  fc.assert(
    fc.property(tree, fc.nat(), fc.nat(), fc.nat(), (hashes, which, bit, other) => {
      const size = hashes.length;
      const index = which % size;
      const proof = inclusionProof(index, size, subtreesOf(hashes));
      const whole = { size, root: rootOf(hashes) };
      const entry = hashes[index]!;
      expect(isIncluded(whole, index, entry, proof)).toBe(true);
      const all = [entry, whole.root, ...proof];
      const at = bit % (all.length * 256);
      const [broken = entry, brokenRoot = whole.root, ...brokenProof] = all.map((hash, n) =>
        n === Math.floor(at / 256) ? flipped(hash, at % 256) : hash,
      );
      expect(isIncluded({ size, root: brokenRoot }, index, broken, brokenProof)).toBe(false);
      expect(isIncluded(whole, index, entry, [...proof, entry])).toBe(false);
      if (proof.length > 0) expect(isIncluded(whole, index, entry, proof.slice(1))).toBe(false);
      const elsewhere = other % size;
      if (!hashes[elsewhere]!.equals(entry))
        expect(isIncluded(whole, elsewhere, entry, proof)).toBe(false);
      expect(isIncluded(whole, size, entry, proof)).toBe(false);
    }),
  );
});

test('every tree is consistent with all that it was, and with nothing else', () => {
  fc.assert(
    fc.property(tree, fc.nat(), fc.nat(), (hashes, which, bit) => {
      const size = hashes.length;
      const older = which % (size + 1);
      const proof = consistencyProof(older, size, subtreesOf(hashes));
      const whole = { size, root: rootOf(hashes) };
      const part = { size: older, root: rootOf(hashes, older) };
      expect(isConsistent(part, whole, proof)).toBe(true);
      const all = [part.root, whole.root, ...proof];
      const at = bit % (all.length * 256);
      const [partRoot = part.root, wholeRoot = whole.root, ...broken] = all.map((hash, n) =>
        n === Math.floor(at / 256) ? flipped(hash, at % 256) : hash,
      );
      const isWhole = older === size && older > 0;
      const changed = isConsistent(
        { size: older, root: partRoot },
        { size, root: wholeRoot },
        broken,
      );
      // Of an empty tree everything goes on, so that only its own root can be wrong.
      if (older > 0 || !partRoot.equals(part.root)) expect(changed).toBe(false);
      expect(isConsistent(part, whole, [...proof, whole.root])).toBe(false);
      if (!isWhole) expect(isConsistent(whole, part, proof)).toBe(false);
    }),
  );
});

function flipped(hash: Buffer, bit: number): Buffer {
  const copy = Buffer.from(hash);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy;
}

test('the roots of all sizes in one pass are those of each tree by itself', () => {
  const all = rootsOf(leaves, new Set(roots.keys()));
  expect([...all].map(([size, hash]) => [size, hash.toString('hex')])).toEqual([
    ...roots.entries(),
  ]);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 70 }), (said) => {
      const hashes = said.map(leafHash);
      const sizes = new Set(Array.from({ length: said.length + 1 }, (_, size) => size));
      for (const [size, hash] of rootsOf(hashes, sizes)) expect(hash).toEqual(rootOf(hashes, size));
    }),
  );
  expect([...rootsOf(leaves, new Set([3, 100])).keys()]).toEqual([3]);
});
