import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { Column } from '../../../processors/transcode/columns.ts';
import { OwnerKeys } from '../../../processors/transcode/owner-keys.ts';
import { Tuple } from '../../../processors/transcode/tuple.ts';
import type { Sealer } from '../../../schemas/sealed-box.ts';

const owner = new Column(0, { name: 'id', oid: 20, type: 'bigint', identity: true });

/** A row as the server sends it that belongs to an owner. */
function rowOf(name: string | Buffer, binary = 0): Tuple {
  const bytes = Buffer.from(name);
  const tuple = new Tuple();
  tuple.reset(bytes, 1);
  tuple.lengths[0] = bytes.length;
  tuple.binary[0] = binary;
  return tuple;
}

const keyOf = (n: number) => {
  const ref = Buffer.alloc(16);
  ref.writeUInt32BE(n);
  return { ref, key: createSecretKey(Buffer.alloc(32, n)) };
};

test.for([10, 1_000, 8_000, 20_000])(
  'of %i owners each is found again or not at all, and of as many as are kept nearly all are',
  (count) => {
    const keys = new OwnerKeys([owner]);
    const own = new Map<number, Sealer>();
    for (let n = 0; n < count; n++) own.set(n, keys.keep(rowOf(`${n}`), keyOf(n)));
    let found = 0;
    for (const [n, sealer] of own) {
      const kept = keys.find(rowOf(`${n}`));
      if (kept) expect(kept).toBe(sealer);
      found += kept ? 1 : 0;
    }
    if (count <= 8_192) expect(found).toBeGreaterThan(count * 0.99);
    else expect(found).toBeGreaterThan(0);
  },
);

test('the same bytes in another form are another owner’s', () => {
  const keys = new OwnerKeys([owner]);
  keys.keep(rowOf('12345678'), keyOf(1));
  expect(keys.find(rowOf('12345678', 1))).toBe(null);
});

test('what is kept does not change with the message that it was found in', () => {
  const keys = new OwnerKeys([owner]);
  const message = Buffer.from('7');
  const sealer = keys.keep(rowOf(message), keyOf(7));
  message.fill('8');
  expect(keys.find(rowOf('7'))).toBe(sealer);
  expect(keys.find(rowOf('8'))).toBe(null);
});
