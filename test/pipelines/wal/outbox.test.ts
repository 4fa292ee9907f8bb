import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { unsealing } from '../../../processors/unseal.ts';
import * as golden from '../../golden/pgoutput.ts';
import { column, marker } from '../../processors/tables.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, madeOf } from './captured.ts';

const types = {
  id: 'bigint',
  note: 'text',
  price: 'numeric',
  ratio: 'double precision',
  paid: 'boolean',
  at: 'timestamp with time zone',
  payload: 'jsonb',
};
const contract: TableContract = { ...contractOf('app.events', types), outbox: true };

const said = (content: string, prefix = 'app.events') =>
  golden.message(5n, prefix, content, 'transactional');
const within = (...messages: readonly Buffer[]) => [
  golden.begin(10n, 1, 753),
  ...messages,
  golden.commit(10n, 58n, 1),
];
const made = (content: string, of = contract) =>
  madeOf({ contracts: [of] }, ...within(said(content)));

/** The row that a content becomes. */
async function rowOf(content: string) {
  const { changes, letters } = await made(content);
  expect(letters).toEqual([]);
  expect(changes.length).toBe(1);
  return changes[0]?.after;
}

test('a message is an insert, at its place in its transaction', async () => {
  const { changes, transactions } = await made('{"id":7,"note":"Ada"}');
  expect(changes).toMatchObject([
    {
      op: 'insert',
      table: 'app.events',
      position: { lsn: 10n, seq: 0, part: 0 },
      transaction: 753,
      key: { id: 7n },
      recordKey: '{"id":7}',
      before: null,
      sealed: null,
    },
  ]);
  expect(transactions.length).toBe(1);
});

const rows = [
  { name: 'a number keeps its digits', cell: { price: '12345678901234567890.10' } },
  { name: 'a number keeps the digits of an integer', cell: { id: '9223372036854775807' } },
  { name: 'a text is itself', cell: { note: JSON.stringify('Zoë "🦊"\n') }, want: 'Zoë "🦊"\n' },
  { name: 'an empty text is one', cell: { note: '""' }, want: '' },
  { name: 'null is null', cell: { note: 'null' }, want: null },
  { name: 'true is true', cell: { paid: 'true' }, want: true },
  { name: 'false is false', cell: { paid: 'false' }, want: false },
  { name: 'true in a text is its word', cell: { note: 'true' }, want: 'true' },
  { name: 'a number in a text is its digits', cell: { note: '1.50' }, want: '1.50' },
  { name: 'a number may be a double', cell: { ratio: '0.1' }, want: 0.1 },
  { name: 'a moment is told as the server would', cell: { at: '"2026-11-21 09:00:00+00"' } },
  {
    name: 'an object is its JSON',
    cell: { payload: '{"a":[1.0,{"b":null}],"":12345678901234567890}' },
  },
  { name: 'a list is its JSON', cell: { payload: '[1.10,"x"]' } },
  { name: 'a text in JSON stays JSON', cell: { payload: '"x"' }, want: '"x"' },
  { name: 'true in JSON stays JSON', cell: { payload: 'true' }, want: 'true' },
  { name: 'a number in JSON stays JSON', cell: { payload: '1.0' }, want: '1.0' },
] as const;

test.for(rows)('outbox: $name', async ({ cell, ...rest }) => {
  const [[name, json]] = Object.entries(cell) as [[string, string]];
  const row = await rowOf(`{${name === 'id' ? '' : '"id":1,'}"${name}":${json}}`);
  const text = json.startsWith('"') ? (JSON.parse(json) as string) : json;
  const want = 'want' in rest ? rest.want : name === 'id' ? BigInt(text) : text;
  expect(row?.[name]).toBe(want);
});

test('a column that a message leaves out is null', async () => {
  expect(await rowOf('{"id":1}')).toEqual({
    id: 1n,
    note: null,
    price: null,
    ratio: null,
    paid: null,
    at: null,
    payload: null,
  });
});

test('any texts and any order of names give the row, whatever came before', async () => {
  const texts = fc.string({ unit: 'binary' }).filter((each) => !each.includes('\0'));
  const fields = fc.record({ id: fc.bigInt(0n, 2n ** 63n - 1n), note: fc.option(texts) });
  await fc.assert(
    fc.asyncProperty(fc.array(fields, { minLength: 1 }), fc.boolean(), async (all, reversed) => {
      const contents = all.map(({ id, note }) => {
        const parts = [`"id":${id}`, `"note":${JSON.stringify(note)}`];
        return said(`{${(reversed ? parts.toReversed() : parts).join()}}`);
      });
      const { changes } = await madeOf({ contracts: [contract] }, ...within(...contents));
      expect(changes.map(({ after }) => [after?.['id'], after?.['note']])).toEqual(
        all.map(({ id, note }) => [id, note]),
      );
    }),
  );
});

const refused = [
  ['is not JSON', `{"id":1,"note":"${marker}"`, 'undecodable'],
  ['is not an object but a list', `["${marker}"]`, 'undecodable'],
  ['is not an object but a text', `"${marker}"`, 'undecodable'],
  ['is null', 'null', 'undecodable'],
  ['names a column that the contract does not', `{"id":1,"other":"${marker}"}`, 'undecodable'],
  ['has a value that is not of its column', `{"id":"${marker}"}`, 'undecodable'],
  ['has a number that is not of its column', '{"id":1.5}', 'undecodable'],
  ['does not tell its key', `{"note":"${marker}"}`, 'no-key'],
] as const;

test.for(refused)(
  'a message that %s is a letter, which keeps it and quotes nothing of it',
  async (row) => {
    const [, content, reason] = row;
    const { changes, letters, transactions } = await made(content);
    expect(changes).toEqual([]);
    expect(letters).toMatchObject([
      {
        value: {
          table: 'app.events',
          op: 'insert',
          after: { content },
          position: { lsn: 10n, seq: 0 },
        },
        refusal: { reason },
      },
    ]);
    const { refusal } = letters[0]!;
    expect(`${refusal.stack} ${String(refusal.cause)}`).not.toContain(marker);
    expect(transactions.length).toBe(1);
  },
);

test('a message far too large for its topic is a letter that keeps all of it, and is never parsed', async () => {
  const content = `{"id":1,"note":"${'x'.repeat(30_000)}`; // It is no JSON, which nobody finds out.
  const { letters } = await madeOf(
    { contracts: [contract], limitBytes: 1_000 },
    ...within(said(content)),
  );
  expect(letters).toMatchObject([
    { value: { after: { content } }, refusal: { reason: 'too-large' } },
  ]);
});

test('a refusal of a name tells the name', async () => {
  const { letters } = await made('{"id":1,"ot\\"her":2}');
  expect(letters[0]?.refusal.message).toBe(
    'outbox app.events: a message names "ot\\"her", which its contract does not; emit a JSON object of the contract\'s columns',
  );
});

test('a message that nobody wants leaves nothing but its number', async () => {
  const prefixes = ['', 'app.event', 'app.events2', 'public.orders'];
  const contracts = [contract, contractOf('public.orders', { id: 'bigint' })];
  const messages = prefixes.map((prefix) => said('{"id":1}', prefix));
  const { carried, letters } = await madeOf({ contracts }, ...within(...messages));
  expect([carried, letters]).toEqual([[], []]);
});

test('what is confidential of a message is sealed', async () => {
  const of: TableContract = {
    ...contract,
    subject: { column: 'id', domain: 'public.users.id' },
    columns: [column('id'), column('note', 'confidential')],
  };
  const keyring = new MemoryKeyring();
  const { take, made: taken } = await capturing({ contracts: [of], keyring });
  await take(...within(said(`{"id":"7","note":"${marker}"}`)));
  const { changes, carried } = taken();
  expect(carried.some(({ value }) => value.includes(marker))).toBe(false);
  expect(unsealing(keyring, () => {})(changes[0]!)).toEqual({
    before: null,
    after: { note: marker },
  });
});

test('its form is told once, as of a table that has no number', async () => {
  const { take, made: taken, read } = await capturing({ contracts: [contract] });
  await take(...within(said('{"id":1}'), said('{"id":2}')));
  const { forms } = taken();
  expect(forms.map(read)).toMatchObject([{ table: 'app.events', oid: 0n, refused: null }]);
});

test('halves of a character in two columns do not become one: they are no text', async () => {
  const of = { ...contractOf('app.events', { id: 'bigint', a: 'text', b: 'text' }), outbox: true };
  const { changes, letters } = await made(
    String.raw`{"id":1,"a":"\ud83e","b":"\udd8a"}`,
    of as TableContract,
  );
  expect(changes).toEqual([]);
  expect(letters).toMatchObject([{ refusal: { reason: 'undecodable' } }]);
  expect(letters[0]?.refusal.message).toContain('half a character in "a"');
});

test('a table whose messages are refused is tried again once a person has accepted it', async () => {
  const { take, made: done, registry, forms, outbox } = await capturing({ contracts: [contract] });
  registry.forbids = (topic) => topic.endsWith('app.events');
  await take(...within(said('{"id":1}')));
  expect(done().letters).toMatchObject([{ refusal: { reason: 'schema-refused' } }]);
  expect(outbox.hasRefused).toBe(true);

  outbox.retry(await forms.accepted());
  await take(...within(said('{"id":2}')));
  expect(done().letters.length).toBe(1);

  forms.accept('app.events');
  outbox.retry(await forms.accepted());
  await take(...within(said('{"id":3}')));
  expect(done()).toMatchObject({ changes: [{ key: { id: 3n } }], letters: [] });
  expect(outbox.hasRefused).toBe(false);
});
