import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { TableContract } from '../../../contracts/contract.ts';
import { readDocument } from '../../../contracts/odcs-document.ts';
import { parseContracts } from '../../../contracts/odcs.ts';
import { contractText } from '../../../ops/init/contract-text.ts';
import { propose } from '../../../ops/init/proposal.ts';
import { isSecret, type Proposal } from '../../../ops/init/proposed.ts';
import { warehouseTables } from '../../../sinks/clickhouse-tables.ts';
import { graphTables } from '../../../sinks/neo4j-tables.ts';
import { column, index, primary, proposed, relation, to } from './relations.ts';

const rules = ({ columns }: Proposal) =>
  Object.fromEntries(
    columns.map(({ name, classification, rule }) => [name, `${classification} ${rule}`]),
  );

const orgs = relation('orgs', [column('id'), column('name', 'text')]);
const users = relation('users', [column('id'), column('org_id'), column('email', 'text')], {
  foreignKeys: [to('orgs', ['org_id', 'id'])],
});

test('a person is the subject of each row about them, a tenant its tenant', () => {
  const {
    orgs: org,
    users: user,
    orders,
  } = proposed(
    orgs,
    users,
    relation('orders', [column('id'), column('org_id'), column('user_id'), column('created_by')], {
      foreignKeys: [
        to('users', ['created_by', 'id']),
        to('users', ['user_id', 'id']),
        to('orgs', ['org_id', 'id']),
      ],
    }),
  );
  expect(org).toMatchObject({ tenant: { column: 'id' }, subject: null });
  expect(user).toMatchObject({ tenant: { column: 'org_id' }, subject: { column: 'id' } });
  expect(orders).toMatchObject({ tenant: { column: 'org_id' }, subject: { column: 'user_id' } });
  expect(orders!.graph).toEqual({
    label: 'Order',
    relationships: [
      { type: 'USER', column: 'user_id' },
      { type: 'CREATED_BY', column: 'created_by' },
    ],
  });
});

test('a foreign key that is not declared is guessed by name and type, and said to be a guess', () => {
  const logins = relation('logins', [column('id'), column('userId'), column('ip', 'inet')]);
  const { logins: login } = proposed(users, logins);
  expect(login!.subject).toMatchObject({ column: 'userId' });
  expect(login!.columns[1]!.pointsTo).toEqual({
    table: 'public.users',
    column: 'id',
    declared: false,
  });
  expect(contractText(login!, 'shop')).toContain('to: users.id }] # by its name; no foreign key');

  const other = relation('logins', [column('id'), column('userId', 'uuid'), column('ip', 'inet')]);
  expect(proposed(users, other)['logins']!.columns[1]!.pointsTo).toBeNull();
});

test('of several words for a tenant the one counts that most tables use', () => {
  const { a, c } = proposed(
    relation('a', [column('id'), column('account_id'), column('tenant_id')]),
    relation('b', [column('id'), column('account_id')]),
    relation('c', [column('id'), column('tenant_id'), column('account_id')]),
  );
  expect([a!.tenant?.column, c!.tenant?.column]).toEqual(['account_id', 'account_id']);
});

test('columns that hold the same values have the same rule, the strictest', () => {
  const people = relation('people', [column('id'), column('email', 'text')], {
    uniqueIndexes: [primary('id'), index(['email'])],
  });
  const mails = relation('mails', [column('id'), column('sender', 'text')], {
    foreignKeys: [to('people', ['sender', 'email'])],
  });
  const { people: person, mails: mail } = proposed(people, mails);
  expect(rules(person!)['email']).toBe('confidential tokenise');
  expect(rules(mail!)['sender']).toBe('confidential tokenise');
});

test('a key is never masked or dropped: what must not be read of it is a token', () => {
  const { mailboxes, vault } = proposed(
    relation('mailboxes', [column('email', 'text'), column('org_id')]),
    relation('vault', [column('secret', 'text'), column('nickname', 'text')]),
  );
  expect(rules(mailboxes!)['email']).toBe('confidential tokenise');
  expect(rules(vault!)['secret']).toBe('restricted tokenise');
});

test('where nobody owns a row, something stands in that every row has, and a person is told', () => {
  const { keyed, bare, nothing } = proposed(
    relation('keyed', [column('id'), column('email', 'text')]),
    relation('bare', [column('email', 'text', { notNull: false }), column('at', 'date')], {
      uniqueIndexes: [],
    }),
    relation('nothing', [column('email', 'text', { notNull: false })], { uniqueIndexes: [] }),
  );
  expect(keyed).toMatchObject({ subject: { column: 'id' }, notes: [/neither a person nor/] });
  expect(bare!.subject).toMatchObject({ column: 'at' });
  expect(nothing!.subject).toMatchObject({ column: 'email' });
  expect(nothing!.notes.join('\n')).toMatch(/a row whose email is null is refused/);
});

test('what cannot be told is sealed where a row has an owner, and dropped where it has none', () => {
  const columns = [column('id'), column('payload', 'jsonb')];
  const { owned, bare } = proposed(
    relation('owned', [...columns, column('tenant_id')]),
    relation('bare', columns),
  );
  expect(rules(owned!)['payload']).toBe('confidential mask');
  expect(rules(bare!)['payload']).toBe('internal drop');
  expect(bare!.subject).toBeNull();
});

test('a row without a person or a tenant that it needs is announced', () => {
  const nullable = { notNull: false };
  const { visits, mails } = proposed(
    users,
    relation('visits', [column('id'), column('user_id', 'bigint', nullable), column('ip', 'inet')]),
    relation('mails', [
      column('id'),
      column('org_id', 'bigint', nullable),
      column('email', 'text'),
    ]),
  );
  expect(visits!.notes.join('\n')).toMatch(/a row whose user_id is null is refused/);
  expect(visits!.notes.join('\n')).toMatch(/only public.users has a tenant/);
  expect(mails!.notes.join('\n')).toMatch(/a row whose org_id is null is refused/);
});

test('a foreign key that a contract cannot say is told, with the reason', () => {
  const { a, b, c, d } = proposed(
    relation('a', [column('id')], { foreignKeys: [to('b', ['id', 'id'])] }),
    relation('b', [column('id')], { foreignKeys: [to('a', ['id', 'id'])] }),
    relation('c', [column('id'), column('x')], { foreignKeys: [to('Größe', ['x', 'id'])] }),
    relation('d', [column('id'), column('x')], { foreignKeys: [to('nowhere', ['x', 'id'])] }),
    relation('Größe', [column('id')]),
  );
  expect(a!.notes).toEqual([]);
  expect(b!.notes).toEqual([
    expect.stringMatching(/id points to public.a.id.*leads back to itself/),
  ]);
  expect(c!.notes).toEqual([expect.stringMatching(/only names of ASCII letters/)]);
  expect(d!.notes).toEqual([expect.stringMatching(/that has no contract/)]);
});

test('tables of one name in two schemas have two labels, a table without a key has none', () => {
  const sales = { schema: 'sales', ident: 'sales.orders' };
  const proposals = propose(
    [
      relation('orders', [column('id')]),
      relation('orders', [column('id')], sales),
      relation('日本', [column('id')]),
      relation('lines', [column('id')], { uniqueIndexes: [] }),
    ],
    { generated: false },
  );
  expect(proposals.map(({ graph }) => graph?.label ?? null)).toEqual([
    'Order',
    'SalesOrder',
    null,
    null,
  ]);
});

test('what sinks name themselves is dropped', () => {
  const { a } = proposed(relation('a', [column('id'), column('_position'), column('_key')]));
  expect(rules(a!)).toEqual({
    id: 'internal keep',
    _position: 'internal drop',
    _key: 'internal drop',
  });
});

test('a generated column is left out, unless it is published', () => {
  const summed = relation('summed', [
    column('id'),
    column('twice', 'integer', { generated: 'stored' }),
    column('thrice', 'integer', { generated: 'virtual' }),
  ]);
  const names = (generated: boolean) =>
    propose([summed], { generated })[0]!.columns.map(({ name }) => name);
  expect(names(false)).toEqual(['id']);
  expect(names(true)).toEqual(['id', 'twice']);
  expect(contractText(propose([summed], { generated: false })[0]!, 'shop')).toMatch(
    /# Left out: twice, a stored .*publish_generated_columns = stored/,
  );
});

const meaningful =
  'id email tenant_id user_id org_id ssn password notes amount parent_id token _position _key größe name customer_id created_by';
const semantic = fc.constantFrom(...meaningful.split(' '));
const types = fc.constantFrom('bigint', 'text', 'uuid', 'jsonb', 'inet', 'boolean', 'date');

const anyRelation = fc
  .record({
    columns: fc.uniqueArray(fc.tuple(semantic, types, fc.boolean(), fc.boolean()), {
      minLength: 1,
      maxLength: 6,
      selector: ([name]) => name,
    }),
    foreignKeys: fc.array(
      fc.record({
        to: fc
          .constantFrom('users', 'tenants', 'orders', 'Größe', 'things')
          .map((t) => `public.${t}`),
        columns: fc.array(fc.tuple(semantic, semantic), { minLength: 1, maxLength: 2 }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ columns, foreignKeys }) => ({
    columns: columns.map(([name, type, notNull]) => column(name, type, { notNull })),
    key: columns.filter(([, , , isKey]) => isKey).map(([name]) => name),
    foreignKeys,
  }));

/** As `loadContracts` takes them: all documents together. */
function loaded(proposals: readonly Proposal[]): readonly TableContract[] {
  const [first, ...rest] = proposals.map((each) => parse(contractText(each, 'shop')));
  const schema = [first, ...rest].flatMap((each) => each.schema);
  return parseContracts(stringify({ ...first, schema }), 'all');
}

test('whatever tables there are and whatever they point to, their contracts load together and sinks take them', () => {
  const names = ['users', 'tenants', 'orders', 'Größe', 'things'];
  fc.assert(
    fc.property(fc.array(anyRelation, { minLength: 5, maxLength: 5 }), (five) => {
      const proposals = propose(
        five.map(({ columns, key, foreignKeys }, at) =>
          relation(names[at]!, columns, {
            uniqueIndexes: key.length > 0 ? [primary(...key)] : [],
            foreignKeys,
          }),
        ),
        { generated: false },
      );
      const contracts = loaded(proposals);
      for (const { columns, tenant, subject } of proposals)
        if (columns.some(isSecret)) expect(tenant ?? subject).not.toBeNull();
      graphTables(contracts);
      warehouseTables(contracts.filter(({ key }) => !key.some((name) => name.startsWith('_'))));
    }),
    { numRuns: 200 },
  );
});

test('whatever names and types are made of, the contract that is written says them as they are', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  const type = fc.oneof(fc.constantFrom('text', 'kinds."Mood"[]', 'numeric(12,2)'), name);
  fc.assert(
    fc.property(
      name.filter((text) => !text.includes('.')),
      fc.uniqueArray(fc.record({ name, type }), { minLength: 1, selector: (each) => each.name }),
      (table, columns) => {
        const of = columns.map((each) => column(each.name, each.type, { family: 'number' }));
        const [proposal] = propose([relation(table, of)], { generated: false });
        const text = contractText(proposal!, 'shop');
        const [read] = readDocument(text, 'it');
        expect(read!.physicalName).toBe(`public.${table}`);
        expect(read!.properties.map((each) => [each.name, each.physicalType])).toEqual(
          columns.map((each) => [each.name, each.type]),
        );
        parseContracts(text, 'it');
      },
    ),
    { numRuns: 100 },
  );
});
