import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import { unsealing } from '../../../processors/unseal.ts';
import * as golden from '../../golden/pgoutput.ts';
import { capturing } from '../../pipelines/wal/captured.ts';
import { MemoryKeyring } from '../memory-keyring.ts';
import { column } from '../tables.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** Values as the server sends them, in text and in binary, and the text that tokens and owners are made of. */
const values = [
  { type: 'boolean', oid: 16, text: 't', binary: bytes('01'), named: 'true' },
  { type: 'smallint', oid: 21, text: '-2', binary: bytes('fffe') },
  { type: 'integer', oid: 23, text: '7', binary: bytes('00000007') },
  { type: 'bigint', oid: 20, text: '9007199254740993', binary: bytes('0020 0000 0000 0001') },
  { type: 'double precision', oid: 701, text: '0.1', binary: bytes('3fb9 9999 9999 999a') },
  { type: 'text', oid: 25, text: 'Zoë', binary: Buffer.from('Zoë') },
  {
    type: 'uuid',
    oid: 2950,
    text: '00112233-4455-6677-8899-aabbccddeeff',
    binary: bytes('00112233445566778899aabbccddeeff'),
  },
  { type: 'date', oid: 1082, text: '2000-01-02', binary: bytes('00000001') },
  {
    type: 'timestamp with time zone',
    oid: 1184,
    text: '2000-01-01 00:00:00.000001+00',
    binary: bytes('0000000000000001'),
  },
  { type: 'bytea', oid: 17, text: '\\x00ff', binary: bytes('00ff') },
  {
    type: 'numeric(12,2)',
    oid: 1700,
    typmod: 786_438,
    text: '-12.50',
    binary: bytes('0002 0000 4000 0002 000c 1388'),
  },
] as const;

/** The value as a key in the clear, or as a confidential one, as its row's subject, and in the box. */
async function captured(
  { type, oid, ...rest }: (typeof values)[number],
  cell: golden.Cell,
  key: 'open' | 'confidential',
) {
  const of: TableContract = {
    table: 'public.t',
    revision: 'r1',
    key: ['id'],
    tenant: null,
    subject: { column: 'id', domain: 'd' },
    columns: [
      { ...column('id', key === 'open' ? 'internal' : 'confidential', 'tokenise'), type },
      { ...column('secret', 'confidential'), type },
    ],
    graph: null,
  };
  const typmod = 'typmod' in rest ? rest.typmod : -1;
  const relation = golden.relation(
    1,
    ['public', 't'],
    [
      { name: 'id', oid, typmod, identity: true },
      { name: 'secret', oid, typmod },
    ],
  );
  const keyring = new MemoryKeyring();
  const { take, made } = await capturing({ contracts: [of], keyring });
  const row = golden.insert(1, [cell, cell]);
  await take(relation, golden.begin(10n, 1, 1), row, golden.commit(10n, 20n, 1));
  const { changes, carried, letters } = made();
  expect(letters).toEqual([]);
  return { change: changes[0]!, carried, keyring };
}

for (const key of ['open', 'confidential'] as const)
  test.for(values)(
    `of $type, in an ${key} key, the binary form gives the bytes of the text`,
    async (value) => {
      const text = await captured(value, value.text, key);
      const binary = await captured(value, value.binary, key);
      expect(binary.carried).toEqual(text.carried);
      expect(binary.keyring.owners).toEqual(text.keyring.owners);
    },
  );

test.for(values)('of $type, tokens and owners are made of the value as it reads', async (value) => {
  const { change, keyring } = await captured(value, value.binary, 'confidential');
  const named = 'named' in value ? value.named : value.text;
  expect(keyring.owners).toEqual([{ tenant: null, domain: 'd', subject: named }]);
  expect(change.key).toEqual({
    id: tokeniser(keyring)({ name: 'public.t.id', form: null })('', named),
  });
});

test.for(values)('of $type, a sealed value comes back as the one in the clear', async (value) => {
  const { change, keyring } = await captured(value, value.text, 'open');
  const secret = unsealing(keyring, () => {})(change);
  expect(secret?.after).toEqual({ secret: change.after?.['id'] });
  expect(change.key).toEqual({ id: change.after?.['id'] });
});
