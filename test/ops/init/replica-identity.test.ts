import { expect, test } from 'vitest';
import type { Relation } from '../../../ops/init/catalog.ts';
import { propose } from '../../../ops/init/proposal.ts';
import { identityStatements } from '../../../ops/init/replica-identity.ts';
import { column, index, primary, relation } from './relations.ts';

const two = [column('id'), column('b')];
const of = (more: Partial<Relation>, columns = two) => relation('t', columns, more);
const keyless = { uniqueIndexes: [] };
const leaf = (ident: string, identity: Relation['identity'] = 'default') => ({
  ident,
  schemaIdent: 'public',
  identity,
  foreign: false,
});
const mailboxes = [column('email', 'text'), column('tenant_id')];

const cases: readonly (readonly [string, Relation, readonly string[]])[] = [
  ['a primary key is enough', of({}), []],
  ['FULL is enough', of({ ...keyless, identity: 'full' }), []],
  ['NOTHING is not', of({ identity: 'nothing' }), ['t DEFAULT']],
  ['no key, no index', of(keyless), ['t FULL']],
  [
    'the smallest index that fits',
    of({ uniqueIndexes: [index(['id', 'b']), index(['b'])] }),
    ['t USING INDEX b'],
  ],
  [
    'an index of nullable columns does not',
    of({ uniqueIndexes: [index(['b'], { notNull: false })] }),
    ['t FULL'],
  ],
  ['nor a deferrable one', of({ uniqueIndexes: [index(['b'], { immediate: false })] }), ['t FULL']],
  [
    'an index was chosen',
    of({ identity: 'index', uniqueIndexes: [index(['b'], { identity: true })] }),
    [],
  ],
  [
    'one that lacks the key was',
    of({ identity: 'index', uniqueIndexes: [primary('id'), index(['b'], { identity: true })] }),
    ['t DEFAULT'],
  ],
  [
    'one that has it',
    of({
      identity: 'index',
      uniqueIndexes: [primary('id'), index(['b', 'id'], { identity: true })],
    }),
    [],
  ],
  ['a deferrable key', of({ uniqueIndexes: [{ ...primary('id'), immediate: false }] }), ['t FULL']],
  ['a key that is a token per tenant', of({}, mailboxes), ['t FULL']],
  [
    'the same with the tenant in the key',
    of({ uniqueIndexes: [primary('email', 'tenant_id')] }, mailboxes),
    [],
  ],
  ['a token of no tenant', of({}, [column('email', 'text')]), []],
  [
    'partitions of a table with a key',
    of({ kind: 'partitioned', partitions: [leaf('l1'), leaf('l2', 'nothing')] }),
    ['l2 DEFAULT'],
  ],
  [
    'partitions of one without',
    of({ ...keyless, kind: 'partitioned', partitions: [leaf('l1'), leaf('l2', 'full')] }),
    ['t FULL', 'l1 FULL'],
  ],
  [
    'an index of a partitioned table',
    of({ kind: 'partitioned', uniqueIndexes: [index(['b'])] }),
    ['t FULL'],
  ],
  [
    'a partition elsewhere',
    of({ ...keyless, kind: 'partitioned', partitions: [{ ...leaf('l'), foreign: true }] }),
    ['t FULL'],
  ],
];

test.for(cases)('%s', ([, table, wanted]) => {
  const [proposal] = propose([table], { generated: false });
  expect(identityStatements(proposal!).map(({ sql }) => sql)).toEqual(
    wanted.map(
      (each) =>
        `ALTER TABLE ${each.replace(/^t /, 'public.t ').replace(' ', ' REPLICA IDENTITY ')}`,
    ),
  );
});
