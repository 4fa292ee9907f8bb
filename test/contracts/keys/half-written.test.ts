import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { textOf } from '../../../contracts/keys/key-log.ts';
import { kinds, recordOf } from '../../../contracts/keys/subject-log.ts';

const script = fileURLToPath(new URL('half-writing-process.ts', import.meta.url));
const rootKey = 'ab'.repeat(32);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  ['subjects.ring', recordOf({ kind: kinds.erased, at: 1, owner: Buffer.alloc(16, 7) })],
  ['tenants.ring', Buffer.from(textOf([{ kind: 'gone', id: '07'.repeat(8), at: 1 }]))],
])('what another process is just appending to %s is not cut off', async (name, appended) => {
  const open = () => fileKeyring(folder, fileRootKey(rootKey), rootKey);
  await (await open())[Symbol.asyncDispose]();
  const path = join(folder, name);
  const before = readFileSync(path);
  const other = fork(script, [path, appended.toString('hex')]);
  const exited = once(other, 'exit');
  await once(other, 'message');
  const isHalf = once(other, 'message');
  other.send('go');
  await isHalf;
  await (await open())[Symbol.asyncDispose]();
  expect(await exited).toEqual([0, null]);
  expect(readFileSync(path)).toEqual(Buffer.concat([before, appended]));
});
