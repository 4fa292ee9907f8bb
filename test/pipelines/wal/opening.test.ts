import { expect, test } from 'vitest';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, type Setting } from './captured.ts';
import { MemoryForms } from './memory-forms.ts';
import { MemoryRegistry } from './memory-registry.ts';

const { oids } = golden;
const topic = 'cdc.shop.public.users';
const contracts = [
  contractOf('public.users', { id: 'bigint', name: 'text', note: 'text' }),
  contractOf('public.notes', { id: 'bigint' }),
];

const users = (columns: readonly string[] = ['id', 'name'], oid = 1) =>
  golden.relation(
    oid,
    ['public', 'users'],
    columns.map((name) => ({
      name,
      oid: name === 'id' ? oids.int8 : oids.text,
      identity: name === 'id',
    })),
  );
const notes = golden.relation(
  9,
  ['public', 'notes'],
  [{ name: 'id', oid: oids.int8, identity: true }],
);

/** A slot whose forms and registry are remembered when it is read anew. */
function slot(setting: Setting = {}) {
  const registry = new MemoryRegistry();
  const forms = new MemoryForms();
  const read = async () => {
    forms.restart();
    const opened = await capturing({ contracts, registry, forms, ...setting });
    const capture = async (lsn: bigint, ...messages: readonly Buffer[]) => {
      await opened.take(golden.begin(lsn, 1, 7), ...messages, golden.commit(lsn, lsn + 5n, 1));
      const made = opened.made();
      return {
        keys: made.changes.map(({ table, key }) => `${table} ${String(key?.['id'])}`),
        reasons: made.letters.map(({ refusal }) => refusal.reason),
        forms: made.forms.map(opened.read),
        topics: made.carried.map((each) => each.topic),
      };
    };
    return { ...opened, capture };
  };
  return { registry, forms, read };
}

const row = (id: number, oid = 1) => golden.insert(oid, [`${id}`, 'a']);

test('a replica identity without the key is told once a table is seen with it', async () => {
  const { capture, told } = await slot().read();
  const by = (name: string) =>
    golden.relation(
      1,
      ['public', 'users'],
      ['id', 'name', 'note'].map((each) => ({
        name: each,
        oid: each === 'id' ? oids.int8 : oids.text,
        identity: each === name,
      })),
    );
  const whole = golden.insert(1, ['1', 'a', 'b']);
  await capture(10n, by('id'), whole, by('none'), whole);
  expect(told.drifts).toEqual([]);
  await capture(20n, by('name'), whole);
  expect(told.drifts.join()).toMatch(/does not tell id, its key: updates and deletes become dead/);
});

test('a table that is new is registered, and its form told before it is remembered', async () => {
  const { read, registry, forms } = slot();
  const { capture } = await read();
  const { keys, forms: told } = await capture(10n, users(), row(1), row(2));
  expect(keys).toEqual(['public.users 1', 'public.users 2']);
  const schema = (await registry.register(topic, registry.schemas.get(topic)!)).id;
  expect(told).toEqual([
    {
      table: 'public.users',
      oid: 1n,
      lsn: '0/A',
      identity: 'default',
      columns: [
        { name: 'id', type: 'bigint', identity: true },
        { name: 'name', type: 'text', identity: false },
      ],
      schema,
      refused: null,
    },
  ]);
  expect(await forms.known('public.users')).toBeNull();
  await forms.confirmed(9n);
  expect(await forms.known('public.users')).toBeNull();
  await forms.confirmed(10n);
  expect(await forms.known('public.users')).toMatchObject({ oid: 1, columns: [{}, {}] });
});

test('a table whose changes come to nothing is not asked for', async () => {
  const { read, registry } = slot();
  const { capture } = await read();
  await capture(10n, users());
  expect(registry.schemas.has(topic)).toBe(false);
});

test('a form that is known goes on without a word', async () => {
  const { read, forms } = slot();
  await (await read()).capture(10n, users(), row(1));
  await forms.confirmed(10n);
  const { capture, told } = await read();
  expect(await capture(20n, users(), row(2))).toMatchObject({
    keys: ['public.users 2'],
    forms: [],
  });
  expect(told.alarms).toEqual([]);
});

test('a form that was not confirmed is told again', async () => {
  const { read } = slot();
  await (await read()).capture(10n, users(), row(1));
  expect((await (await read()).capture(10n, users(), row(1))).forms.length).toBe(1);
});

test('a form that stream and copies come upon at once is told once', async () => {
  const { opening, relations, take, made } = await slot().read();
  await take(golden.begin(10n, 1, 7), users());
  const relation = relations.formOf(1);
  if (!relation) return expect.unreachable();
  await Promise.all([opening(relation, 10n), opening(relation, 10n), opening(relation, 12n)]);
  expect(made().forms.length).toBe(1);
});

const others = [
  ['a column more', users(['id', 'name', 'note'])],
  ['a column less', users(['id'])],
  ['another order', users(['name', 'id'])],
] as const;

test.for(others)('a form with %s is told, and goes on', async ([, relation]) => {
  const { read, forms } = slot();
  await (await read()).capture(10n, users(), row(1));
  await forms.confirmed(10n);
  const { capture, told } = await read();
  const message = golden.update(1, null, ['5', '5', '5'].slice(0, relation.readUInt16BE(19)));
  const { forms: written, keys, reasons } = await capture(20n, relation, message);
  expect(written).toMatchObject([{ lsn: '0/14', refused: null }]);
  expect([keys, reasons, told.alarms]).toEqual([['public.users 5'], [], []]);
});

test('a table that another one has taken the name of is refused, by all who should know; the others go on', async () => {
  const { read, forms } = slot();
  await (await read()).capture(10n, users(), row(1));
  await forms.confirmed(10n);
  const { capture, told } = await read();
  const replaced = [users(['id', 'name'], 2), row(2, 2), row(3, 2)];
  const first = await capture(20n, ...replaced, notes, golden.insert(9, ['4']));
  expect(first.keys).toEqual(['public.notes 4']);
  expect(first.reasons).toEqual(['schema-refused', 'schema-refused']);
  expect(told.alarms).toEqual([expect.stringMatching(/^table public\.users: another table has/)]);
  expect(forms.refusals).toEqual(told.alarms);
  expect(first.forms).toMatchObject([
    { table: 'public.users', oid: 2n, schema: null, refused: told.alarms[0] },
    { table: 'public.notes' },
  ]);
  await forms.confirmed(20n);
  expect(await forms.known('public.users')).toMatchObject({ oid: 1, isRefused: true });
  expect((await capture(30n, row(5, 2))).reasons).toEqual(['schema-refused']);
});

test('what a person accepted goes on from its next change, and is remembered as it is now', async () => {
  const { read, forms } = slot();
  await (await read()).capture(10n, users(), row(1));
  await forms.confirmed(10n);
  const { capture, relations } = await read();
  await capture(20n, users(['id', 'name'], 2), row(2, 2));
  forms.accept('public.users');
  expect((await capture(30n, row(3, 2))).reasons).toEqual(['schema-refused']);
  relations.retry(await forms.accepted());
  expect(await capture(40n, row(4, 2))).toMatchObject({ keys: ['public.users 4'], reasons: [] });
  await forms.confirmed(40n);
  expect(await forms.known('public.users')).toMatchObject({
    oid: 2,
    isRefused: false,
    accepted: false,
  });
});

test('who accepted one table has not accepted another', async () => {
  const { read, forms } = slot();
  const { capture, relations } = await read();
  const foreign = golden.relation(3, ['public', 'foreign'], [{ name: 'id', oid: oids.int8 }]);
  expect(relations.hasRefused).toBe(false);
  await capture(10n, foreign, golden.insert(3, ['1']));
  expect(relations.hasRefused).toBe(true);
  forms.accept('public.users');
  relations.retry(await forms.accepted());
  expect(relations.hasRefused).toBe(true);
});

test('columns that readers could not follow are refused until somebody accepts them', async () => {
  const { read, registry, forms } = slot();
  registry.forbids = (name) => name === topic;
  const { capture, told, relations } = await read();
  const { keys, reasons, forms: written } = await capture(10n, users(), row(1));
  expect([keys, reasons]).toEqual([[], ['schema-refused']]);
  expect(told.alarms[0]).toContain('conductor schema accept --table public.users');
  expect(written).toMatchObject([{ schema: null, refused: told.alarms[0] }]);
  forms.accept('public.users');
  relations.retry(await forms.accepted());
  expect((await capture(20n, row(2))).keys).toEqual(['public.users 2']);
  expect(registry.asked.filter(({ topic: asked }) => asked === topic)).toMatchObject([
    { accepted: false },
    { accepted: true },
  ]);
});

test('columns that readers could not follow go on in another topic, if that is wished', async () => {
  const { read, registry } = slot({ onIncompatible: 'v2' });
  registry.forbids = (name) => name === topic;
  const { capture, told } = await read();
  const { keys, reasons, topics } = await capture(10n, users(), row(1));
  expect([keys, reasons]).toEqual([['public.users 1'], []]);
  expect(topics).toContain(`${topic}.v2`);
  expect(topics).not.toContain(topic);
  expect(told.topics).toEqual([`${topic}.v2`]);
  expect(told.alarms).toEqual([expect.stringContaining(`it goes on in ${topic}.v2`)]);
});

test('columns that not even the other topic can take are refused, and the others go on', async () => {
  const { read, registry } = slot({ onIncompatible: 'v2' });
  registry.forbids = (name) => name.startsWith(topic);
  const { capture } = await read();
  const messages = [users(), row(1), notes, golden.insert(9, ['4'])];
  expect(await capture(10n, ...messages)).toMatchObject({
    keys: ['public.notes 4'],
    reasons: ['schema-refused'],
  });
});

test('a registry that does not answer refuses nothing: capture stops', async () => {
  const { read, registry } = slot();
  const { take } = await read();
  registry.forbids = () => {
    throw new Error('connection refused');
  };
  await expect(take(golden.begin(1n, 1, 1), users(), row(1))).rejects.toThrow('connection refused');
});

test('a table without a contract is refused until it has one, and nothing is registered for it', async () => {
  const { read, registry } = slot({ contracts: [] });
  const { capture, told } = await read();
  const before = registry.asked.length;
  const { reasons, forms } = await capture(10n, users(), row(1));
  expect([reasons, forms, told.alarms]).toEqual([['no-contract'], [], []]);
  expect(registry.asked.length).toBe(before);
});
