import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { headRecord, recordOf, slotsOf } from '../../../contracts/keys/subject-log.ts';

const rootKey = 'ab'.repeat(32);
const ref = '8abf716e516373e9de23ef6cb7fd4b13';
const key = '1fb50980bd28f75ef6214768758e2b8acdad69b61d2723d62dfb2e7ed7ed6425';
const token = '7d59eb6853d7714c016d2292e9177cf2bb66aeda529f76ac662e5723992a8602';

/** Files as a worker of the first version that has them wrote them: whatever comes later must open them. */
const tenants = [
  '{"kind":"key","id":"0000000000000000","use":"seed","tenant":"","title":"","version":1,"at":1795734171350,"wrapped":"file:979ebfb045e26365:QO8N0fRKSKZSA5dwGLJGPf++myHNQ876r+joLTAON7o/XimqnvSEreiz/sV5LsmNgfOBYHfpojFwMnKZ"}',
  '{"kind":"key","id":"24e1258fcba4fb4e","use":"subjects","tenant":"bddc31be4912d5fb3bdd368d3fa1ef32","title":"RdrsgodNDkGFkTiMVHN+kLuJIFbDN5ur9MXgTEes6g==","version":1,"at":1795734171359,"wrapped":"file:979ebfb045e26365:KS+yKG3dS8HOLtpqkwqIe0yTf9TrgMWCzCtKi5yKWgBiQcfvf0CrYVKLJDyTCsJVe0B5TMYHjjz/evwB"}',
];
const subject = [
  '010000006b08ba9b8abf716e516373e9de23ef6cb7fd4b138abf716e516373e9',
  'de23ef6cb7fd4b1324e1258fcba4fb4e15597ad7e6d4552707b758ded6eeb84e',
  'c64706a7735680c728c59f5b5a5d65f4c902db48ee42918290a313a99bfb9596',
  '019d4257dd34c46d0983cf1b0000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '00000000000000000000000000000000',
].join('');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'golden-'));
  mkdirSync(join(folder, 'keys'));
  writeFileSync(join(folder, 'keys', 'tenants.ring'), tenants.map((line) => `${line}\n`).join(''));
  writeFileSync(
    join(folder, 'keys', 'subjects.ring'),
    Buffer.concat([headRecord(), Buffer.from(subject, 'hex')]),
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

test('files of the first version open: their keys, their names, their tokens', async () => {
  await using keyring = await fileKeyring(join(folder, 'keys'), fileRootKey(rootKey), rootKey);
  const owned = keyring.keyOf({ tenant: '1', domain: 'public.users.id', subject: 'ada' });
  if (owned === 'destroyed') return expect.unreachable();
  expect(owned.ref.toString('hex')).toBe(ref);
  expect(owned.key.export().toString('hex')).toBe(key);
  expect(keyring.tokenKey('1').export().toString('hex')).toBe(token);
});

test('a record is 176 bytes: kind, time, owner, name, and two slots of an id and a wrapped key', () => {
  const record = Buffer.from(subject, 'hex');
  expect(record.length).toBe(176);
  expect(record[0]).toBe(1);
  expect(record.toString('hex', 8, 24)).toBe(ref);
  expect(record.toString('hex', 24, 40)).toBe(ref);
  const [slot] = slotsOf(record);
  expect(slot!.by).toBe(record.toString('hex', 40, 48));
  expect(slot!.wrapped.length).toBe(60);
  const at = record.readUInt32BE(4);
  const owner = Buffer.from(ref, 'hex');
  expect(recordOf({ kind: 1, at, owner, ref: owner, slot: slot! })).toEqual(record);
  expect(headRecord().toString('latin1', 0, 16)).toBe('Ring of keys, 2\n');
});
