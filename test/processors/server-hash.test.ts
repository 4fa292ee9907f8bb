import { expect, test } from 'vitest';
import { bigOf, serverHash } from '../../processors/server-hash.ts';

test.for([
  ['', 0, '-6939563903564495251'],
  ['a', 0, '3591986179850072241'],
  ['a', 7, '6761863715122467050'],
  ['Zwölf Byte!', 1, '2760236260683612438'],
  ['exactly 12 b', 1, '8869804067069467720'],
  ['exactly 12 b and then some more, ünïcode 🦊', 1000003, '2659430195143241619'],
] as const)('%j with seed %d hashes as PostgreSQL 18 hashes it', ([text, seed, expected]) => {
  const bytes = Buffer.from(`..${text}..`);
  const hash = { high: 0, low: 0 };
  serverHash(bytes, 2, bytes.length - 4, seed, hash);
  expect(`${bigOf(hash)}`).toBe(expected);
});
