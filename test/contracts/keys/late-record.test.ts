import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type * as NodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { kinds, recordOf } from '../../../contracts/keys/subject-log.ts';

const real = await vi.hoisted(() => import('node:fs'));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, writeSync: vi.fn(fs.writeSync) };
});

const rootKey = 'ab'.repeat(32);
const recordBytes = 176;
const wrappedBy = (record: Buffer) => record.toString('hex', 40, 48);

test('a key that is written behind the word that its tenant’s was replaced counts for nothing: its writer makes another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ring-'));
  const subjects = join(folder, 'subjects.ring');
  const last = () => readFileSync(subjects).subarray(-recordBytes);
  await using keyring = await fileKeyring(folder, fileRootKey(rootKey), rootKey);
  keyring.keyOf({ tenant: '1', domain: 'd', subject: 'ada' });
  const old = wrappedBy(last());

  // Between what the writer has read and what it writes somebody else says so.
  vi.mocked(writeSync).mockImplementationOnce(((file: number, bytes: Buffer) => {
    const ref = Buffer.concat([Buffer.from(old, 'hex'), Buffer.alloc(8)]);
    appendFileSync(subjects, recordOf({ kind: kinds.replaced, at: 1, ref }));
    return real.writeSync(file, bytes);
  }) as typeof writeSync);
  const owned = keyring.keyOf({ tenant: '1', domain: 'd', subject: 'bob' });
  if (owned === 'destroyed') return expect.unreachable();
  const records = readFileSync(subjects).length / recordBytes;
  expect(records).toBe(5); // The head, Ada, the word, what counts for nothing, and Bob.
  expect(wrappedBy(last())).not.toBe(old);

  await using other = await fileKeyring(folder, fileRootKey(rootKey), rootKey);
  const found = other.find(owned.ref);
  expect(found.state === 'here' && found.key.equals(owned.key)).toBe(true);
  rmSync(folder, { recursive: true });
});
