import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { Column } from '../../../processors/transcode/columns.ts';
import { OwnerKeys } from '../../../processors/transcode/owner-keys.ts';
import { Tuple } from '../../../processors/transcode/tuple.ts';

const owner = new Column(0, { name: 'id', oid: 20, type: 'bigint', identity: true });

/** A row as the server sends it that belongs to owner `n`. */
function rowOf(n: number): Tuple {
  const text = Buffer.from(String(n));
  const tuple = new Tuple();
  tuple.reset(text, 1);
  tuple.lengths[0] = text.length;
  return tuple;
}

const keyOf = (n: number) => {
  const ref = Buffer.alloc(16);
  ref.writeUInt32BE(n);
  return { ref, key: createSecretKey(ref) };
};

test.for([10, 1_000, 50_000])(
  'of %i owners most are found again, each with its own key',
  (count) => {
    const keys = new OwnerKeys([owner]);
    for (let n = 0; n < count; n++) {
      if (keys.find(rowOf(n))) continue;
      const owned = keyOf(n);
      keys.keep(owned);
      expect(keys.find(rowOf(n))).toBe(owned);
    }
    let found = 0;
    for (let n = 0; n < count; n++) {
      const owned = keys.find(rowOf(n));
      if (!owned) continue;
      expect(owned.ref.readUInt32BE()).toBe(n);
      found++;
    }
    expect(found).toBeGreaterThan(Math.min(count, 16_384) / 2);
  },
);
