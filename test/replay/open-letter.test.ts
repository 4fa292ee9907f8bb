import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Found } from '../../contracts/keys/keyring.ts';
import { openLetter } from '../../replay/open-letter.ts';
import { letterBoxes } from '../../sinks/letter-boxes.ts';

const owned = (n: number) => ({
  ref: Buffer.alloc(16, n),
  key: createSecretKey(Buffer.alloc(32, n)),
});
const [ada, bob, eve] = [owned(1), owned(2), owned(3)];
const payload = Buffer.from('{"before":{"id":1}}');
const sealed = Buffer.concat([...letterBoxes([ada, bob, eve], 'change', payload, 7).sealed]);

const keyring = (more: Readonly<Record<string, Found>> = {}) => ({
  find: (ref: Buffer): Found => more[`${ref[0]}`] ?? { state: 'here', key: owned(ref[0] ?? 0).key },
});

test('a letter of three opens from the outermost box on', () => {
  expect(openLetter(keyring(), { sealed, seals: 3 })).toEqual({ state: 'here', payload });
});

test.each([1, 2, 3])('a letter says that the key of its owner %d was destroyed', (owner) => {
  const erased = keyring({ [owner]: { state: 'destroyed' } });
  expect(openLetter(erased, { sealed, seals: 3 })).toEqual({ state: 'destroyed' });
});

test('a key that is not there, and a box that was changed, are told apart from that', () => {
  const lost = keyring({ 2: { state: 'unknown' } });
  expect(openLetter(lost, { sealed, seals: 3 })).toEqual({ state: 'unknown' });
  const changed = Buffer.from(sealed);
  changed[40]! ^= 1;
  expect(openLetter(keyring(), { sealed: changed, seals: 3 })).toEqual({ state: 'damaged' });
  const cut = sealed.subarray(0, 20);
  expect(openLetter(keyring(), { sealed: cut, seals: 1 })).toEqual({ state: 'damaged' });
});
