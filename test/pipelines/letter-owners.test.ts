import { expect, test } from 'vitest';
import type { Owner } from '../../contracts/keys/keyring.ts';
import {
  ownersOfCaptured,
  ownersOfGoverned,
  ownersOfRecord,
} from '../../pipelines/letter-owners.ts';
import type { Governed } from '../../schemas/change.ts';
import { keyRefOf } from '../../schemas/sealed-box.ts';
import { type Row, unchanged } from '../../schemas/value.ts';
import * as golden from '../golden/pgoutput.ts';
import { column, decoded, userRow, users } from '../processors/tables.ts';
import { capturing } from './wal/captured.ts';
import { recording } from '../sinks/taking-changes.ts';

const { oids } = golden;
const names = ['id', 'tenant_id', 'email', 'phone', 'city'] as const;
const relation = golden.relation(
  1,
  ['public', 'users'],
  names.map((name) => ({ name, oid: oids.text, identity: name === 'id' })),
);
const row = (id: string | null, tenant: string | null) => [id, tenant, 'mail', 'phone', 'Bern'];
const contracts = new Map([[users.table, users]]);
const person = (subject: string, tenant: string | null = '1'): Owner => ({
  tenant,
  domain: 'public.users.id',
  subject,
});
const byCity = { ...users, subject: { column: 'city', domain: 'public.cities.id' } };

/** The first record, or letter, that capture makes of a message. */
async function captured(message: Buffer, of = users) {
  const { take, made, registry } = await capturing({ contracts: [of], lanes: 12 });
  await take(relation, golden.begin(20n, 1, 753), message, golden.commit(20n, 25n, 1));
  const { carried, changes } = made();
  const record = carried.find(({ topic }) => topic.endsWith('public.users'));
  return { record, changes, registry };
}

test('the letter of a record is of whom its boxes name', async () => {
  const moving = golden.update(1, ['O', row('7', '1')], ['7', '2', 'mail', 'phone', 'Bern']);
  for (const message of [golden.insert(1, row('7', '1')), moving]) {
    const { record, registry, changes } = await captured(message);
    const { topic, lane: partition, value } = record!;
    const owners = ownersOfRecord({ topic, partition, value }, registry, contracts);
    const [change] = changes;
    const boxes = message === moving ? 2 : 1;
    expect(owners.length).toBe(boxes);
    if (boxes === 1) expect(owners).toEqual([{ ref: keyRefOf(change!.sealed!) }]);
  }
});

test('the letter of a record without a box is of whom its open columns name', async () => {
  const open = { ...users, columns: users.columns.map(({ name }) => column(name)) };
  const { record, registry } = await captured(golden.insert(1, row('7', '1')), open);
  const { topic, lane: partition, value } = record!;
  const owners = ownersOfRecord(
    { topic, partition, value },
    registry,
    new Map([[open.table, open]]),
  );
  expect(owners).toEqual([person('7')]);
});

test('a record that is none names nobody', async () => {
  const { registry } = await captured(golden.insert(1, row('7', '1')));
  const of = (value: Buffer | null) =>
    ownersOfRecord({ topic: 'cdc.shop.public.users', partition: 0, value }, registry, contracts);
  expect(of(null)).toEqual([]);
  expect(of(Buffer.from([0, 0, 0, 0, 1]))).toEqual([]);
  expect(of(Buffer.from('nonsense'))).toEqual([]);
});

const governed = (before: Row | null, after: Row | null): Governed => ({
  ...decoded('update', { before, after }),
  provenance: 'test',
  policy: 'p1',
});
const cases = [
  { name: 'its subject', of: users, change: governed(null, userRow), owners: [person('7')] },
  {
    name: 'both subjects of a row that moved',
    of: users,
    change: governed(userRow, { ...userRow, id: '8' }),
    owners: [person('7'), person('8')],
  },
  {
    name: 'its tenant, where the subject is null',
    of: byCity,
    change: governed(null, { ...userRow, city: null }),
    owners: [{ tenant: '1', domain: 'tenant_id', subject: null }],
  },
  {
    name: 'its tenant, where the subject is a token',
    of: {
      ...users,
      columns: [column('id', 'confidential', 'tokenise'), ...users.columns.slice(1)],
    },
    change: governed(null, userRow),
    owners: [{ tenant: '1', domain: 'tenant_id', subject: null }],
  },
  {
    name: 'nobody, where it does not tell its tenant',
    of: users,
    change: governed(null, { ...userRow, tenant_id: unchanged }),
    owners: [],
  },
  {
    name: 'nobody, where no contract is of it',
    of: { ...users, table: 'public.others' },
    change: governed(null, userRow),
    owners: [],
  },
] as const;

for (const { name, of, change, owners } of cases)
  test(`the letter of a governed change is of ${name}`, () => {
    expect(ownersOfGoverned(recording([of])(change), new Map([[of.table, of]]))).toEqual(owners);
  });

test('what capture refuses is of whom the row tells: both, if it moved from one to the other', async () => {
  const refusedBy = async (message: Buffer) => {
    const { take, output } = await capturing({ contracts: [byCity], lanes: 12, limitBytes: 600 });
    await take(relation, golden.begin(20n, 1, 753), message, golden.commit(20n, 25n, 1));
    return output.take().values.flatMap(ownersOfCaptured);
  };
  const long = 'x'.repeat(1_000); // Too large for its topic.
  const cells = (city: string) => ['7', '1', long, 'phone', city];
  const city = (subject: string): Owner => ({
    tenant: '1',
    domain: 'public.cities.id',
    subject,
  });
  expect(await refusedBy(golden.insert(1, cells('Bern')))).toEqual([city('Bern')]);
  expect(await refusedBy(golden.update(1, ['O', cells('Bern')], cells('Basel')))).toEqual([
    city('Bern'),
    city('Basel'),
  ]);
});
