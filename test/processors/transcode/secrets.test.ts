import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { laneOf } from '../../../processors/lane.ts';
import { stamp } from '../../../processors/provenance.ts';
import { redaction } from '../../../processors/redact.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import { unsealing } from '../../../processors/unseal.ts';
import { boxesOf } from '../../../schemas/sealed-box.ts';
import { unchanged } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';
import { capturing, type Told } from '../../pipelines/wal/captured.ts';
import { MemoryKeyring } from '../memory-keyring.ts';
import { column, decoded, marker, planned, users } from '../tables.ts';

const { oids, u } = golden;
const names = ['id', 'tenant_id', 'email', 'phone', 'city'] as const;
type Cells = Partial<Record<(typeof names)[number], golden.Cell>>;

const row = { id: '7', tenant_id: '1', email: marker, phone: null, city: 'Bern' };
const cells = (of: Cells) => names.map((name) => of[name] ?? null);
const insert = (of: Cells = {}) => golden.insert(1, cells({ ...row, ...of }));
const update = (before: Cells, after: Cells) =>
  golden.update(1, ['O', cells({ ...row, ...before })], cells({ ...row, ...after }));
const remove = (of: Cells = {}) => golden.remove(1, ['O', cells({ ...row, ...of })]);
const removeByKey = (id = '7') => golden.remove(1, ['K', cells({ id })]);

const relation = golden.relation(
  1,
  ['public', 'users'],
  names.map((name) => ({ name, oid: oids.text, identity: name === 'id' })),
);

async function capture(of: TableContract, keyring = new MemoryKeyring()) {
  const { take, made, told } = await capturing({ contracts: [of], lanes: 12, keyring });
  await take(relation);
  let lsn = 10n;
  const captured = async (...messages: readonly Buffer[]) => {
    lsn += 10n;
    await take(golden.begin(lsn, 1, 753), ...messages, golden.commit(lsn, lsn + 5n, 1));
    return made();
  };
  const one = async (message: Buffer): Promise<Told> => {
    const { changes, letters } = await captured(message);
    expect(letters).toEqual([]);
    expect(changes.length).toBe(1);
    return changes[0]!;
  };
  return { captured, one, keyring, told, secretOf: unsealing(keyring, () => {}) };
}

test('a change is sealed under its subject’s key, and a row without a subject under its tenant’s', async () => {
  const ownerOf = async (of: TableContract, cell: Cells = {}) => {
    const { one, keyring } = await capture(of);
    await one(insert(cell));
    return keyring.owners;
  };
  const byTenant = { tenant: '1', domain: 'tenant_id', subject: null };
  expect(await ownerOf(users)).toEqual([{ tenant: '1', domain: 'public.users.id', subject: '7' }]);
  expect(await ownerOf({ ...users, subject: null })).toEqual([byTenant]);
  const byCity = { ...users, subject: { column: 'city', domain: 'public.cities.id' } };
  expect(await ownerOf(byCity, { city: null })).toEqual([byTenant]);
});

test('a subject that is called null is somebody, and not the tenant', async () => {
  const byCity = { ...users, subject: { column: 'city', domain: 'public.cities.id' } };
  const { one, keyring } = await capture(byCity);
  await one(insert({ city: null }));
  await one(insert({ city: 'null' }));
  expect(keyring.owners).toEqual([
    { tenant: '1', domain: 'tenant_id', subject: null },
    { tenant: '1', domain: 'public.cities.id', subject: 'null' },
  ]);
});

test('every owner has a key of their own, however their names are put together', async () => {
  const { one, keyring } = await capture(users);
  const named = [
    ['1', '1/7'],
    ['1/1', '7'],
    ['', '1/1/7'],
    [null, '1/7'],
    ['null', '7'],
  ] as const;
  const refs: string[] = [];
  for (const [tenant_id, id] of named) {
    const { sealed } = await one(insert({ tenant_id, id }));
    refs.push(Buffer.from(sealed!.subarray(1, 17)).toString('hex'));
  }
  expect(new Set(refs).size).toBe(named.length);
  expect(keyring.owners.map(({ tenant, subject }) => [tenant, subject])).toEqual(named);
});

const byOwner = { ...users, subject: { column: 'city', domain: 'public.cities.id' } };
const moves = [
  { name: 'another subject', to: { city: '8' } },
  { name: 'another tenant', to: { tenant_id: '2' } },
] as const;

for (const { name, to } of moves)
  test(`a row that moves to ${name} has what it was under the old owner's key, and what it is under the new one's`, async () => {
    const { captured, secretOf, keyring } = await capture(byOwner);
    const { changes } = await captured(
      update({ city: '7' }, { city: '7', ...to, email: `${marker} new` }),
    );
    const [moved] = changes;
    expect(changes.length).toBe(1);
    const [left, came] = [
      { email: marker, phone: null },
      { email: `${marker} new`, phone: null },
    ];
    expect(secretOf(moved!)).toEqual({ before: left, after: came });
    const [, second] = boxesOf(moved!.sealed!);
    expect(secretOf({ ...moved!, sealed: second! })).toEqual({ before: null, after: came });
    keyring.destroy({ tenant: '1', domain: 'public.cities.id', subject: '7' });
    expect(secretOf(moved!)).toEqual({ before: null, after: came });
  });

test('of a row that moved to a subject who is erased nothing passes', async () => {
  const { one, secretOf, keyring } = await capture(byOwner);
  const moved = await one(update({ city: '7' }, { city: '8' }));
  keyring.destroy({ tenant: '1', domain: 'public.cities.id', subject: '8' });
  expect(secretOf(moved)).toBe(null);
});

test('a row that stays with its owner has both images in one box', async () => {
  const { one, secretOf } = await capture(users);
  expect(secretOf(await one(update({}, { email: `${marker} new` })))).toEqual({
    before: { email: marker, phone: null },
    after: { email: `${marker} new`, phone: null },
  });
});

test('a tenant’s row that moves to another tenant leaves its old values out of the new tenant’s box', async () => {
  const { one, secretOf } = await capture({ ...users, subject: null });
  const moved = await one(update({}, { tenant_id: '2' }));
  const [left, came] = boxesOf(moved.sealed!);
  expect(secretOf({ ...moved, sealed: left! })).toMatchObject({ after: null });
  expect(secretOf({ ...moved, sealed: came! })).toMatchObject({ before: null });
});

test('a rotation and an erasure count from the next row on', async () => {
  const { one, captured, keyring } = await capture(users);
  await one(insert());
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '7' });
  expect((await captured(insert())).changes).toEqual([]);
});

const tokenised = {
  ...users,
  columns: [column('id', 'confidential', 'tokenise'), ...users.columns.slice(1)],
};

test('a confidential key becomes a token, the same for the same tenant and value, and chooses the lane', async () => {
  const { one } = await capture(tokenised);
  const first = await one(insert());
  expect(first.key?.['id']).toMatch(/^[\w-]{22}$/);
  expect(first.recordKey).toBe(JSON.stringify(first.key));
  expect(first.lane).toBe(laneOf(decoded('insert', {}), first.key, 12));
  expect((await one(insert({ city: 'Basel' }))).key).toEqual(first.key);
  expect((await one(remove())).key).toEqual(first.key);
  expect((await one(insert({ tenant_id: '2' }))).key).not.toEqual(first.key);
  expect((await one(insert({ id: '8' }))).key).not.toEqual(first.key);
});

test('two changes with the same values have boxes of which no part is the same but their key’s name', async () => {
  const { one } = await capture(users);
  const [a, b] = [await one(insert()), await one(insert())].map(({ sealed }) =>
    Buffer.from(sealed!),
  );
  expect(a?.subarray(0, 17)).toEqual(b?.subarray(0, 17));
  expect(a?.subarray(17, 29)).not.toEqual(b?.subarray(17, 29));
  expect(a?.subarray(29)).not.toEqual(b?.subarray(29));
});

test('another revision of a contract gives another nonce: its columns may be others', async () => {
  const nonceOf = async (of: TableContract) => {
    const { sealed } = await (await capture(of)).one(insert());
    return Buffer.from(sealed!.subarray(17, 29)).toString('hex');
  };
  expect(await nonceOf(users)).toBe(await nonceOf(users));
  expect(await nonceOf(users)).not.toBe(await nonceOf({ ...users, revision: 'r2' }));
});

test('a column that no contract names is confidential', async () => {
  const { city: _, ...rest } = row;
  const without = { ...users, columns: users.columns.filter(({ name }) => name !== 'city') };
  const { one, secretOf } = await capture(without);
  const change = await one(insert({ ...rest, city: `${marker} city` }));
  expect(change.after).toEqual({ id: '7', tenant_id: '1' });
  expect(secretOf(change)?.after).toEqual({ email: marker, phone: null, city: `${marker} city` });
});

test('an unchanged column stays so in an update, open or confidential', async () => {
  const { one, secretOf } = await capture(users);
  const message = golden.update(1, null, cells({ ...row, city: u, email: u }));
  const change = await one(message);
  expect(change.after).toMatchObject({ city: unchanged });
  expect(secretOf(change)?.after).toEqual({ phone: null });
});

test('a row that comes under another key says what it does not tell, so that no sink takes it for null', async () => {
  const { captured, keyring, secretOf } = await capture(users);
  const moved = golden.update(1, ['K', cells({ id: '7' })], cells({ ...row, id: '8', email: u }));
  const { changes } = await captured(moved);
  expect(changes.map(({ op }) => op)).toEqual(['delete', 'insert']);
  const came = changes[1]!;
  expect(secretOf(came)?.after).toEqual({ email: unchanged, phone: null });
  const governed = redaction(planned(users), tokeniser(keyring)).change(
    stamp(came),
    secretOf(came)!,
  );
  expect(governed.after).toMatchObject({ email: unchanged, phone: null });
});

test('of an erased subject a delete passes without its values; what else comes is withheld and counted', async () => {
  const { captured, one, keyring, told } = await capture(users);
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '7' });
  expect((await captured(insert(), update({}, {}))).changes).toEqual([]);
  expect(told.erased).toBe(2);
  expect(await one(remove())).toMatchObject({
    op: 'delete',
    key: { id: '7' },
    sealed: null,
    before: { id: '7', city: 'Bern' },
  });
  expect(await one(removeByKey())).toMatchObject({ sealed: null });
  expect(await one(insert({ id: '8' }))).toMatchObject({ op: 'insert' });
  expect(told.erased).toBe(2);
});

const refusals = [
  { name: 'that tells no key', of: users, cells: { id: null }, reason: 'no-key' },
  {
    name: 'that tells neither subject nor tenant',
    of: { ...users, tenant: null, subject: { column: 'city', domain: 'd' } },
    cells: { city: null },
    reason: 'no-subject',
  },
  {
    name: 'whose subject did not change and was not sent',
    of: { ...users, subject: { column: 'city', domain: 'd' } },
    cells: { city: u },
    reason: 'no-subject',
  },
  {
    name: 'with a confidential key that does not tell its tenant',
    of: tokenised,
    cells: { id: marker, tenant_id: null },
    reason: 'no-tenant',
  },
] as const;

for (const { name, of, cells: cell, reason } of refusals)
  test(`a row ${name} is refused by its table's name, and by no value`, async () => {
    const { captured } = await capture(of);
    const { changes, letters } = await captured(insert(cell));
    expect(changes).toEqual([]);
    expect(letters).toMatchObject([{ refusal: { reason } }]);
    expect(letters[0]?.refusal.message).toContain('table public.users');
    expect(letters[0]?.refusal.message).not.toContain(marker);
  });

test('a delete that tells only its key needs no owner', async () => {
  const { one, keyring } = await capture(users);
  expect(await one(removeByKey())).toMatchObject({ op: 'delete', key: { id: '7' }, sealed: null });
  expect(keyring.owners).toEqual([]);
});

test('a confidential key that moves beside an unchanged value leaves nothing behind: its delete needs no owner', async () => {
  const { captured } = await capture({
    ...users,
    tenant: null,
    subject: { column: 'city', domain: 'public.cities.id' },
    columns: users.columns.map((each) =>
      each.name === 'id' ? column('id', 'restricted', 'tokenise') : each,
    ),
  });
  const moved = golden.update(1, ['K', cells({ id: '7' })], cells({ ...row, id: '8', email: u }));
  const { changes, letters } = await captured(moved);
  expect(letters).toEqual([]);
  expect(changes.map(({ op }) => op)).toEqual(['delete', 'insert']);
});
