import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bytes } from '../../schemas/bytes.ts';
import {
  BoxOpener,
  firstNonce,
  keyRefOf,
  open,
  partsOf,
  seal,
  Sealer,
  sealInParts,
} from '../../schemas/sealed-box.ts';

const owned = { ref: Buffer.alloc(16, 1), key: Buffer.alloc(32, 2) };
const occasion = { change: 'c1', revision: 'r1' };
const nonceOf = (box: Buffer) => box.subarray(17, 29).toString('hex');
const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

test('what was sealed is opened by its key, and the box names that key', () => {
  fc.assert(
    fc.property(anyBytes, fc.string(), (plain, change) => {
      const box = seal(owned, { change, revision: 'r1' }, plain);
      expect(open(owned.key, box)).toEqual(plain);
      expect(keyRefOf(box)).toEqual(owned.ref);
    }),
  );
});

test('sealed in parts it is the same box, in as many parts as was said', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.integer({ min: 1, max: 50 }),
      (bytes, size) => {
        const plain = Buffer.from(bytes);
        const parts = [...sealInParts(owned, occasion, plain, size)];
        expect(parts.length).toBe(partsOf(plain, size));
        expect(Buffer.concat(parts)).toEqual(seal(owned, occasion, plain));
      },
    ),
  );
});

test('a box of which any bit was changed does not open', () => {
  const box = seal(owned, occasion, 'confidential');
  for (let bit = 0; bit < box.length * 8; bit++) {
    const damaged = Buffer.from(box);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => open(owned.key, damaged)).toThrow();
  }
});

test('an opener opens every box of its key, short ones and long ones, and no other', () => {
  const key = createSecretKey(owned.key);
  const opener = new BoxOpener({ ref: owned.ref, key });
  const plain = fc.oneof(
    anyBytes,
    fc.constantFrom(0, 1, 15, 16, 17, 2_047, 2_048, 2_049, 9_000).map((n) => Buffer.alloc(n, 7)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(plain, fc.string(), fc.nat(20)), { minLength: 1 }), (boxes) => {
      for (const [text, change, before] of boxes) {
        const box = seal(owned, { change, revision: 'r1' }, text);
        const within = Buffer.concat([Buffer.alloc(before), box, Buffer.alloc(3)]);
        expect(Buffer.from(opener.open(within.subarray(before, before + box.length)))).toEqual(
          text,
        );
      }
    }),
  );
  for (const other of [
    { ...owned, key: Buffer.alloc(32, 3) },
    { ...owned, ref: Buffer.alloc(16, 9) },
  ])
    expect(() => opener.open(seal(other, occasion, 'confidential'))).toThrow();
});

test('an opener refuses a box of which any bit was changed, and opens the next one', () => {
  const opener = new BoxOpener({ ref: owned.ref, key: createSecretKey(owned.key) });
  const box = seal(owned, occasion, 'confidential');
  for (let bit = 0; bit < box.length * 8; bit++) {
    const damaged = Buffer.from(box);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => opener.open(damaged)).toThrow();
  }
  for (let length = 0; length < box.length; length++)
    expect(() => opener.open(box.subarray(0, length))).toThrow();
  expect(opener.open(box).toString()).toBe('confidential');
});

test('a box that is cut short anywhere does not open', () => {
  const box = seal(owned, occasion, 'confidential');
  for (let length = 0; length < box.length; length++)
    expect(() => open(owned.key, box.subarray(0, length))).toThrow();
});

test('another’s key does not open a box', () => {
  expect(() => open(randomBytes(32), seal(owned, occasion, 'x'))).toThrow();
});

test('a resend gives the same bytes', () => {
  expect(seal(owned, { ...occasion }, 'x')).toEqual(seal(owned, occasion, Buffer.from('x')));
});

test('another change or another revision has another nonce', () => {
  const nonces = [occasion, { change: 'c2', revision: 'r1' }, { change: 'c1', revision: 'r2' }].map(
    (each) => nonceOf(seal(owned, each, 'x')),
  );
  expect(new Set(nonces).size).toBe(3);
});

test('golden box: what was sealed last year must open for ever', () => {
  const box = seal(owned, occasion, 'Ada');
  expect(box.toString('hex')).toBe(
    '01' +
      '01'.repeat(16) +
      'f31fadcd8cc70c23a35b8e5e' +
      'bfb436' +
      'e820c16265a1d2c54a9cfd63638e655e',
  );
});

const uint32 = fc.nat(0xffff_ffff);
const placed = fc.record({ seq: uint32, part: uint32 });

/** The box of one change of a transaction, behind what was written before. */
function boxOf(
  first: Buffer,
  at: { seq: number; part: number },
  plain: Buffer,
  before = 0,
): Buffer {
  const out = new Bytes(8);
  for (let n = 0; n < before; n++) out.byte(0xee);
  const text = new Bytes(8);
  text.copy(plain, 0, plain.length);
  new Sealer({ ...owned, key: createSecretKey(owned.key) }).seal(out, first, at, text);
  return Buffer.from(out.view().subarray(before));
}

test('a change of a transaction is sealed, opened and sealed again to the same bytes, wherever it is written', () => {
  fc.assert(
    fc.property(anyBytes, placed, fc.string(), fc.nat(9), (plain, at, name, before) => {
      const first = firstNonce(name, 'r1');
      const box = boxOf(first, at, plain);
      expect(open(owned.key, box)).toEqual(plain);
      expect(keyRefOf(box)).toEqual(owned.ref);
      expect(boxOf(firstNonce(name, 'r1'), at, plain, before)).toEqual(box);
    }),
  );
});

test('two changes of a transaction have two nonces, whichever they are', () => {
  const first = Buffer.alloc(12, 0xff);
  fc.assert(
    fc.property(placed, placed, (a, b) => {
      const same = a.seq === b.seq && a.part === b.part;
      const nonces = [a, b].map((at) => nonceOf(boxOf(first, at, Buffer.from('x'))));
      expect(nonces[0] === nonces[1]).toBe(same);
    }),
  );
});

test('changes of other transactions and of other revisions have other nonces, though their numbers are the same', () => {
  const firsts = [firstNonce('t1', 'r1'), firstNonce('t2', 'r1'), firstNonce('t1', 'r2')];
  const boxes = firsts.map((first) => boxOf(first, { seq: 1, part: 0 }, Buffer.from('x')));
  expect(new Set(boxes.map(nonceOf)).size).toBe(3);
});

test('golden box of a transaction: what was sealed last year must open for ever', () => {
  const first = firstNonce('7000/ig_slot/1/10', 'r1');
  expect(boxOf(first, { seq: 2, part: 1 }, Buffer.from('Ada')).toString('hex')).toBe(
    '01' +
      '01'.repeat(16) +
      '887ea31f5cf1961fd9934247' +
      'fd65eb' +
      'e45e86679d111728b3fdca0487826b2d',
  );
});

const noBoxes = [
  { name: 'nothing', bytes: Buffer.alloc(0) },
  { name: 'what is too short', bytes: Buffer.from([1, ...Array<number>(43).fill(0)]) },
  { name: 'a version that is not known', bytes: Buffer.from([2, ...Array<number>(60).fill(0)]) },
];

for (const { name, bytes } of noBoxes)
  test(`${name} is no box, and so names no key`, () => {
    expect(keyRefOf(bytes)).toBeNull();
  });
