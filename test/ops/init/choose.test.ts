import { expect, test } from 'vitest';
import type { Relation, Server } from '../../../ops/init/catalog.ts';
import { choose } from '../../../ops/init/choose.ts';
import { column, index, primary, relation, server } from './relations.ts';

const pick = (relations: readonly Relation[], of: Server = server) =>
  choose({ server: of, relations }, 'shop');
const seventeen = { ...server, version: 170_004 };
const keyless = { uniqueIndexes: [] };
const stored = column('twice', 'integer', { generated: 'stored' });
const virtual = column('thrice', 'integer', { generated: 'virtual' });
const id = [column('id')];

const unfit: readonly (readonly [string, Relation, Server, RegExp])[] = [
  ['a view', relation('v', id, { kind: 'view' }), server, /capture the tables that it reads/],
  [
    'a materialised view',
    relation('m', id, { kind: 'materialised view' }),
    server,
    /no changes of/,
  ],
  ['a foreign table', relation('f', id, { kind: 'foreign table' }), server, /another server/],
  ['a partition', relation('p', id, { kind: 'partition' }), server, /name the table that it is a/],
  ['a temporary table', relation('t', id, { persistence: 'temporary' }), server, /not in the WAL/],
  ['an unlogged table', relation('u', id, { persistence: 'unlogged' }), server, /SET LOGGED/],
  ['a name with a dot', relation('a.b', id), server, /rename it/],
  ['a schema with a dot', relation('a', id, { schema: 'x.y' }), server, /rename it/],
  ['no column', relation('e', []), server, /no column/],
  ['none but generated columns', relation('g', [stored], keyless), server, /no column/],
  [
    'a generated key before 18',
    relation('k', [...id, stored], { uniqueIndexes: [primary('twice')] }),
    seventeen,
    /from version 18/,
  ],
  [
    'a virtual column and no key',
    relation('s', [...id, virtual], keyless),
    server,
    /make the column STORED/,
  ],
  [
    'a name of more hex than a topic takes',
    relation('日'.repeat(20), id, { schema: '本'.repeat(20) }),
    server,
    /too long for a topic/,
  ],
];

test.for(unfit)('skips %s, and says why', ([, table, of, reason]) => {
  const { proposals, skipped } = pick([table, relation('other', id)], of);
  expect(proposals.map(({ relation: { name } }) => name)).toEqual(['other']);
  expect(skipped).toEqual([
    { table: `${table.schema}.${table.name}`, reason: expect.stringMatching(reason) },
  ]);
});

test('publishes generated columns only where a key or a whole old row has one', () => {
  const plain = relation('plain', [...id, stored]);
  expect(pick([plain]).generated).toBe(false);
  expect(pick([relation('a', [...id, stored], keyless)]).generated).toBe(true);
  expect(pick([relation('a', [...id, stored], keyless)], seventeen).generated).toBe(false);
  const chosen = pick([
    plain,
    relation('k', [stored], { uniqueIndexes: [primary('twice')], columns: [...id, stored] }),
  ]);
  expect(chosen.generated).toBe(true);
  expect(chosen.proposals[0]!.columns.map(({ name }) => name)).toEqual(['id', 'twice']);
});

test('a virtual column is no obstacle where the key or an index tells the old row', () => {
  const { skipped } = pick([
    relation('keyed', [...id, virtual]),
    relation('indexed', [...id, virtual], { uniqueIndexes: [index(['id'])] }),
  ]);
  expect(skipped).toEqual([]);
});
