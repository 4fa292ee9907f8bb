import { expect, test } from 'vitest';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { ChangeCursor } from '../../schemas/change-cursor.ts';
import { decodeChange } from '../../schemas/wire.ts';
import { changeRecord, registryOf } from '../pipelines/records.ts';
import { decoded, userRow, users } from '../processors/tables.ts';

const type = registryOf(users).type(1)!;
const change = { ...decoded('delete', { before: userRow }), sealed: Buffer.from('box') };
const { email: _, phone: __, ...open } = userRow;
const value = changeRecord(users, { ...change, before: open }).value!;

/** Where the op of the change stands. */
function opAt(): number {
  const cursor = new AvroCursor(value, 5);
  for (let n = 0; n < 2; n++) cursor.skipSized();
  for (let n = 0; n < 4; n++) cursor.number(); // Its timeline, LSN, seq and part.
  return cursor.at;
}

function placesOfBranches() {
  const cursor = new ChangeCursor(type);
  cursor.read(value);
  const keyEnd = cursor.key.ends.at(-1)!;
  return { key: cursor.keyAt, before: keyEnd, after: cursor.before.ends.at(-1)! };
}

test('a change tells its op and what there is of it', () => {
  const cursor = new ChangeCursor(type);
  cursor.read(value);
  const { op, key, before, after, sealed } = cursor;
  expect([op, key.present, before.present, after.present, String(sealed)]).toEqual([
    'delete',
    true,
    true,
    false,
    'box',
  ]);
});

test.for([
  ['an op', opAt(), 8],
  ...Object.entries(placesOfBranches()).map(
    ([name, at]) => [`a branch for ${name}`, at, 4] as const,
  ),
] as const)(
  '%s that its schema does not have is refused, by whomever it is read',
  ([, at, byte]) => {
    const damaged = Buffer.from(value);
    damaged[at] = byte;
    expect(() => new ChangeCursor(type).read(damaged)).toThrow(/has no such/);
    expect(() => decodeChange(type, damaged, { table: users.table, lane: 0 })).toThrow();
  },
);
