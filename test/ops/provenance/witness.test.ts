import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cosign } from '../../../ops/provenance/witness.ts';
import { announced } from '../../../pipelines/prove/evidence-log.ts';
import { TileFolder } from '../../../pipelines/prove/tile-folder.ts';
import { signingKey, type SigningKey } from '../../../schemas/signing-key.ts';
import { checkpointOf, origin, otherKey, ownKey, thirdKey, written } from './log-in-memory.ts';

const home = mkdtempSync(join(tmpdir(), 'conductor-witness-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const folder = join(home, 'log');
const name = 'witness.example';

function logged(entries: readonly Buffer[], key: SigningKey): void {
  const tiles = TileFolder.empty(folder);
  for (const entry of entries) tiles.append(entry);
  tiles.save();
  writeFileSync(join(folder, 'checkpoint'), checkpointOf(entries, key));
}

const sign = (kept: string, logKey: SigningKey, key = thirdKey) =>
  cosign({ name, key, log: { name: origin, kind: 'log', key: logKey }, folder, kept });

const first = [written(announced(ownKey, 'the first')), written(announced(otherKey, 'rotation'))];
const then = [...first, written(announced(otherKey, 'again'), otherKey)];

test('a witness goes on when the key of the log was rotated', async () => {
  const kept = join(home, 'rotated');
  logged(first, ownKey);
  expect((await sign(kept, ownKey)).size).toBe(2);
  logged(then, otherKey);
  await expect(sign(kept, ownKey)).rejects.toThrow(/with the key that is trusted/);
  expect((await sign(kept, otherKey)).size).toBe(3);
  expect((await sign(kept, otherKey)).size).toBe(3);
});

test('a log that is rewritten while its key is rotated finds no signature', async () => {
  const kept = join(home, 'forked');
  logged(first, ownKey);
  await sign(kept, ownKey);
  const before = readFileSync(kept, 'utf8');
  for (const fork of [then.slice(1), [then[0]!, then[2]!, then[1]!], then.slice(0, 1)]) {
    logged(fork, otherKey);
    await expect(sign(kept, otherKey)).rejects.toThrow(/it was rewritten/);
  }
  expect(readFileSync(kept, 'utf8')).toBe(before);
});

test('what is kept counts only if this witness has signed it, of this log', async () => {
  const kept = join(home, 'foreign');
  logged(first, ownKey);
  writeFileSync(kept, checkpointOf(first.slice(0, 1)));
  await expect(sign(kept, ownKey)).rejects.toThrow(/no checkpoint of .* that witness.example/);
  rmSync(kept);
  await sign(kept, ownKey);
  const stranger = signingKey('44'.repeat(32));
  await expect(sign(kept, ownKey, stranger)).rejects.toThrow(/no checkpoint of .* that witness/);
  writeFileSync(kept, readFileSync(kept, 'utf8').replace(origin, 'other.example'));
  await expect(sign(kept, ownKey)).rejects.toThrow(/no checkpoint of log.example/);
});
