import { createSecretKey, hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { open, seal } from '../../schemas/sealed-box.ts';
import { letterBoxes } from '../../sinks/letter-boxes.ts';

const owned = (n: number) => ({
  ref: Buffer.alloc(16, n),
  key: createSecretKey(Buffer.alloc(32, n)),
});
const [ada, bob, eve] = [owned(1), owned(2), owned(3)];
type Keys = Parameters<typeof letterBoxes>[0];
const payload = Buffer.from('{"before":{"id":1}}');
const boxOf = (keys: Keys, partBytes = 1_024) =>
  Buffer.concat([...letterBoxes(keys, 'change', payload, partBytes).sealed]);
const nonceOf = (box: Buffer) => box.toString('hex', 17, 29);

test('one change sealed for two pairs of owners takes two nonces under the key that both have', () => {
  const boxes = [boxOf([ada, bob]), boxOf([ada, eve]), boxOf([ada])];
  expect(new Set(boxes.map(nonceOf)).size).toBe(3);
});

test('every box opens, from the outermost on, in one piece or in many', () => {
  for (const partBytes of [7, 1_024]) {
    const box = boxOf([ada, bob, eve], partBytes);
    const opened = [ada, eve, bob].reduce<Buffer>((within, { key }) => open(key, within), box);
    expect(opened).toEqual(payload);
  }
  expect(letterBoxes([ada], 'change', payload, 7).parts).toBe(Math.ceil(payload.length / 7));
});

test('a letter under one key has the bytes that it always had', () => {
  const revision = `letter/${hash('sha256', payload, 'hex')}`;
  expect(boxOf([ada])).toEqual(seal(ada, { change: 'change', revision }, payload));
});
