import { expect, test } from 'vitest';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import type { Change } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { decoded, marker, userRow, users } from './tables.ts';
import { sealing } from '../../processors/seal-change.ts';

const owner = { tenant: '1', domain: 'public.users.id', subject: '7' };

function sealed() {
  const keyring = new MemoryKeyring();
  const seal = sealing(new Map([[users.table, users]]), keyring, tokeniser(keyring), 12, () => {});
  const of = (...given: Parameters<typeof decoded>) => seal(decoded(...given))[0]!;
  const count = { erased: 0 };
  return { keyring, of, count, open: unsealing(keyring, () => void count.erased++) };
}

function refusalOf(work: () => unknown): Refusal {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  return expect.unreachable('it was not refused');
}

test('what capture sealed is opened, both images', () => {
  const { of, open } = sealed();
  const after = { ...userRow, email: `${marker} new` };
  expect(open(of('update', { before: userRow, after }))).toEqual({
    before: { email: marker, phone: null },
    after: { email: `${marker} new`, phone: null },
  });
});

test('a change without a box has no secret', () => {
  const { of, open } = sealed();
  expect(open({ ...of('insert', { after: userRow }), sealed: null })).toEqual({
    before: null,
    after: null,
  });
});

test('of an erased subject a delete passes with nothing in it; all else is withheld and counted', () => {
  const { of, open, keyring, count } = sealed();
  const changes = [
    of('insert', { after: userRow }),
    of('update', { before: userRow, after: userRow }),
  ];
  const gone = of('delete', { before: userRow });
  keyring.destroy(owner);
  expect(changes.map(open)).toEqual([null, null]);
  expect(count.erased).toBe(2);
  expect(open(gone)).toEqual({ before: null, after: null });
  expect(count.erased).toBe(2);
});

const damages: readonly { name: string; damage: (change: Change) => Uint8Array }[] = [
  { name: 'a key that the keyring does not have', damage: ({ sealed: box }) => flipped(box!, 5) },
  { name: 'a bit that was changed', damage: ({ sealed: box }) => flipped(box!, box!.length - 20) },
  { name: 'another version', damage: ({ sealed: box }) => flipped(box!, 0) },
  { name: 'nothing in it', damage: () => new Uint8Array() },
];

function flipped(box: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(box);
  copy[at]! ^= 1;
  return copy;
}

for (const { name, damage } of damages)
  test(`a box with ${name} is refused, and tells no value, not even by its cause`, () => {
    const { of, open } = sealed();
    const change = of('insert', { after: userRow });
    const refusal = refusalOf(() => open({ ...change, sealed: damage(change) }));
    expect(refusal.reason).toBe('unsealable');
    expect(refusal.message).toContain('public.users');
    expect(`${refusal.message}${String(refusal.cause)}`).not.toContain(marker);
  });
