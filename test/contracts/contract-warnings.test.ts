import { expect, test } from 'vitest';
import { warningsOf } from '../../contracts/contract-warnings.ts';
import { loadContracts } from '../../contracts/odcs.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { promisesIn, writtenIn } from '../../contracts/read-promises.ts';
import { column, document, type Json, key, own, rule, table } from './documents.ts';

const fine = {
  team: { name: 'shop', members: [{ username: 'ann', role: 'owner' }] },
  slaProperties: [{ property: 'retention', value: 3, unit: 'y' }],
};
const secret = (name: string) =>
  column(name, { classification: 'confidential', ...rule('tokenise') });
const person = (...columns: readonly Json[]) =>
  table('people', [column('id', key), ...columns], [own('subject', 'id')]);
const warnings = (part: Json, more: Json = {}) =>
  warningsOf(
    readDocument(JSON.stringify({ ...JSON.parse(document(part)), ...fine, ...more }), 'shop.yaml'),
  );

test.each<[what: string, part: Json, more: Json, text: string]>([
  [
    'nobody',
    person(),
    { team: undefined },
    'shop.yaml: public.people: nobody answers for it; add for example team:',
  ],
  [
    'a proposal',
    person(),
    { status: 'proposed', team: undefined },
    'is proposed, and nobody has said',
  ],
  [
    'a version that tells nothing',
    person(),
    { version: '3' },
    'its version is 3, from which nobody can tell',
  ],
  ['no retention', person(), { slaProperties: [] }, 'does not say how long its rows are kept'],
  [
    'letters that outlive rows',
    person(),
    { slaProperties: [{ property: 'retention', value: 3, unit: 'd' }] },
    'its rows are kept for 3 days, its dead letters for 14 days',
  ],
  [
    'no subject',
    table('a', [column('id', key), secret('email')], [own('tenant', 'id')]),
    {},
    'has no subject, so that email can be erased for its whole tenant alone',
  ],
  [
    'a secret key',
    table('a', [{ ...secret('id'), ...key }], [own('subject', 'id')]),
    {},
    'public.a, column id: is of the key and confidential, so that its readers have a token',
  ],
  [
    'a quasi-identifier',
    person(column('postCode')),
    {},
    'public.people, column postCode: may single out a person',
  ],
])('%s is told of', (_, part, more, text) => {
  const [only, ...others] = warnings(part, more);
  expect(others).toEqual([]);
  expect(only).toContain(text);
});

test('of what is as it had better be there is nothing to tell', () => {
  expect(warnings(person(secret('email'), column('status')))).toEqual([]);
  const coarse = column('zip', {
    customProperties: [own('rule', 'keep'), own('hierarchy', { prefixes: [2, 1] })],
  });
  expect(warnings(person(coarse))).toEqual([]);
  expect(warnings(table('log', [column('id', key), column('country')]))).toEqual([]);
});

test("the demo's own contracts are right, and there is nothing to tell of them", async () => {
  expect(await loadContracts('contracts/tables')).not.toEqual([]);
  const { tables, problems } = promisesIn(await writtenIn('contracts/tables'));
  expect([problems, warningsOf(tables)]).toEqual([[], []]);
});
