import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isConfidential, type TableContract } from '../../contracts/contract.ts';
import { laneOf } from '../../processors/lane.ts';
import { sealing } from '../../processors/seal.ts';
import { tokeniser } from '../../processors/tokens.ts';
import type { Change, Decoded } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { open } from '../../schemas/sealed-box.ts';
import { decodeSecret, encodeValues } from '../../schemas/secret.ts';
import { unchanged, type Row } from '../../schemas/value.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { changeOf, column, contract, decoded, marker, userRow, users } from './tables.ts';

const lanes = 12;
const world = contract.chain((of) => fc.tuple(fc.constant(of), changeOf(of)));

function sealer(...contracts: readonly TableContract[]) {
  const keyring = new MemoryKeyring();
  const count = { erased: 0 };
  const tables = new Map(contracts.map((each) => [each.table, each]));
  const seal = sealing(tables, keyring, tokeniser(keyring), lanes, () => void count.erased++);
  const secretOf = ({ sealed }: Change) => {
    if (!sealed) return null;
    const found = keyring.find(Buffer.from(sealed.subarray(1, 17)));
    return found.state === 'here' ? decodeSecret(open(found.key, sealed).toString()) : null;
  };
  return { keyring, seal, secretOf, count };
}

/** What became of a change: what passed, or why it was refused. */
function outcome(seal: (change: Decoded) => readonly Change[], change: Decoded) {
  try {
    return { passed: seal(change), refusal: null };
  } catch (error) {
    if (error instanceof Refusal) return { passed: [], refusal: error };
    throw error;
  }
}

test('no confidential value is anywhere in what leaves capture but in the box, nor in a refusal', () => {
  fc.assert(
    fc.property(world, ([of, change]) => {
      const { passed, refusal } = outcome(sealer(of).seal, change);
      for (const { sealed, ...open } of passed) {
        expect(encodeValues(open)).not.toContain(marker);
        expect(Buffer.from(sealed ?? []).includes(marker)).toBe(false);
      }
      expect(`${refusal?.message}${refusal?.stack}`).not.toContain(marker);
    }),
    { numRuns: 1_000 },
  );
});

test('what a box holds is what was confidential, image by image, and nothing else was lost', () => {
  fc.assert(
    fc.property(world, ([of, change]) => {
      const { seal, secretOf } = sealer(of);
      for (const passed of outcome(seal, change).passed) {
        const secret = secretOf(passed);
        const open = new Set(of.columns.filter((c) => !isConfidential(c)).map(({ name }) => name));
        expect(secret?.after ?? {}).toEqual(secrets(change.after, open));
        if (secret?.before) expect(secret.before).toEqual(secrets(change.before, open));
        for (const image of ['before', 'after'] as const)
          for (const [name, value] of Object.entries(change[image] ?? {}))
            if (open.has(name)) expect(passed[image]?.[name]).toBe(value);
      }
    }),
    { numRuns: 500 },
  );
});

const secrets = (row: Row | null, open: ReadonlySet<string>) =>
  Object.fromEntries(
    Object.entries(row ?? {}).filter(([name, value]) => !open.has(name) && value !== unchanged),
  );

test('sealing again gives the same bytes: it is a function of the log', () => {
  fc.assert(
    fc.property(world, ([of, change]) => {
      expect(outcome(sealer(of).seal, change)).toEqual(outcome(sealer(of).seal, change));
    }),
  );
});

test('a change is sealed under its subject’s key, and a row without a subject under its tenant’s', () => {
  const noSubject = { ...users, subject: null };
  const tenanted = { ...users, subject: { column: 'city', domain: 'public.cities.id' } };
  const ownerIn = (of: TableContract, row: Row) => {
    const { seal, keyring } = sealer(of);
    seal(decoded('insert', { after: row }));
    return keyring.owners;
  };
  expect(ownerIn(users, userRow)).toEqual([
    { tenant: '1', domain: 'public.users.id', subject: '7' },
  ]);
  const byTenant = { tenant: '1', domain: 'tenant_id', subject: null };
  expect(ownerIn(noSubject, userRow)).toEqual([byTenant]);
  expect(ownerIn(tenanted, { ...userRow, city: null })).toEqual([byTenant]);
});

const movers = [
  { name: 'another subject', to: { id: '8' } },
  { name: 'another tenant', to: { tenant_id: '2' } },
] as const;

for (const { name, to } of movers)
  test(`a row that moves to ${name} takes nothing of the old owner into the new one's box`, () => {
    const { seal, secretOf } = sealer(users);
    const after = { ...userRow, ...to, email: `${marker} new` };
    const [change] = seal(decoded('update', { before: userRow, after }));
    expect(secretOf(change!)).toEqual({
      before: null,
      after: { email: `${marker} new`, phone: null },
    });
  });

test('a tenant’s row that moves to another tenant leaves its old values out of the new tenant’s box', () => {
  const { seal, secretOf } = sealer({ ...users, subject: null });
  const after = { ...userRow, tenant_id: '2' };
  const [change] = seal(decoded('update', { before: userRow, after }));
  expect(secretOf(change!)?.before).toBeNull();
});

test('a confidential key becomes a token, the same for the same tenant and value, and chooses the lane', () => {
  const secretKey = {
    ...users,
    columns: [column('id', 'confidential', 'tokenise'), ...users.columns.slice(1)],
  };
  const { seal } = sealer(secretKey);
  const keyIn = (row: Row) => seal(decoded('insert', { after: { ...userRow, ...row } }))[0]!;
  const first = keyIn({});
  expect(first.key?.['id']).toMatch(/^[\w-]{22}$/);
  expect(keyIn({ city: 'Basel' }).key).toEqual(first.key);
  expect(keyIn({ tenant_id: '2' }).key).not.toEqual(first.key);
  expect(keyIn({ id: '8' }).key).not.toEqual(first.key);
  expect(first.lane).toBe(laneOf(decoded('insert', {}), first.key, lanes));
  const bare = seal(decoded('delete', { before: userRow }));
  expect(bare[0]?.key).toEqual(first.key);
});

test('a column of the contract that the table no longer has is null, and an unchanged one stays unchanged', () => {
  const { city: _, ...without } = userRow;
  const { seal, secretOf } = sealer(users);
  const [gone] = seal(decoded('insert', { after: without }));
  expect(gone?.after).toEqual({ id: '7', tenant_id: '1', city: null });
  const [kept] = seal(
    decoded('update', { after: { ...userRow, city: unchanged, email: unchanged } }),
  );
  expect(kept?.after).toMatchObject({ city: unchanged });
  expect(secretOf(kept!)?.after).toEqual({ phone: null });
});

test('of an erased subject a delete passes without its values; what else comes is withheld and counted', () => {
  const { seal, keyring, count } = sealer(users);
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '7' });
  expect(seal(decoded('insert', { after: userRow }))).toEqual([]);
  expect(seal(decoded('update', { before: userRow, after: userRow }))).toEqual([]);
  expect(count.erased).toBe(2);
  expect(seal(decoded('delete', { before: userRow }))).toMatchObject([
    { op: 'delete', key: { id: '7' }, sealed: null, before: { id: '7', city: 'Bern' } },
  ]);
  expect(seal(decoded('delete', { before: { id: '7' } }))).toMatchObject([{ sealed: null }]);
  expect(count.erased).toBe(2);
});

test('a truncate passes as it is, in the lane it was given', () => {
  const [change] = sealer(users).seal({ ...decoded('truncate', {}), lane: 5 });
  expect(change).toMatchObject({ op: 'truncate', lane: 5, key: null, sealed: null });
});

const refusals = [
  {
    name: 'a table without a contract',
    of: { ...users, table: 'public.others' },
    row: userRow,
    reason: 'no-contract',
  },
  { name: 'a change that does not tell its key', of: users, row: null, reason: 'no-key' },
  {
    name: 'a row that tells neither subject nor tenant',
    of: { ...users, tenant: null, subject: { column: 'city', domain: 'd' } },
    row: { ...userRow, city: null },
    reason: 'no-subject',
  },
  {
    name: 'a confidential key of which the tenant is not told',
    of: {
      ...users,
      columns: [column('id', 'confidential', 'tokenise'), ...users.columns.slice(1)],
    },
    row: { ...userRow, id: marker, tenant_id: null },
    reason: 'no-tenant',
  },
] as const;

for (const { name, of, row, reason } of refusals)
  test(`${name} is refused by the table's name, and by no value`, () => {
    const { refusal } = outcome(sealer(of).seal, decoded('insert', { after: row }));
    expect(refusal?.reason).toBe(reason);
    expect(refusal?.message).toContain('table public.users');
    expect(refusal?.message).not.toContain(marker);
  });
