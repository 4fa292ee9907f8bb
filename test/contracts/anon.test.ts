import { expect, test } from 'vitest';
import { windowWidths } from '../../contracts/windows.ts';
import { checkAnonymity } from '../../ops/readiness/anonymity.ts';
import { column, type Json, key, own, parse, problems, table } from './documents.ts';

const coarse = (name: string, ...more: readonly Json[]) =>
  column(name, {
    physicalType: 'text',
    customProperties: [
      ...(more.length > 0 ? more : [own('rule', 'keep')]),
      own('hierarchy', { prefixes: [2, 1] }),
    ],
  });

const columns = [
  column('id', key),
  column('person'),
  coarse('city'),
  coarse('street', own('rule', 'drop')),
  column('mood'),
  column('email', { customProperties: [own('rule', 'tokenise')] }),
];
const people = (anon: Json, more: readonly Json[] = [own('subject', 'person')]) =>
  table('people', columns, [...more, own('anon', anon)]);

test('a contract says what of a table leaves k-anonymous, and what it does not say is usual', () => {
  const [contract] = parse(people({ quasi_identifiers: ['city'] }));
  expect(contract?.anon).toEqual({
    dataset: null,
    k: 5,
    quasi_identifiers: ['city'],
    attributes: [],
    window: 60,
    delay: 2,
    diversity: null,
  });
  expect(windowWidths(contract!)).toEqual([60]);
  const [diverse] = parse(people({ quasi_identifiers: ['city'], l: 3, sensitive: 'mood' }));
  expect(diverse?.anon?.diversity).toEqual({ column: 'mood', l: 3 });
});

test('a table that says nothing of it has no windows', () => {
  const [contract] = parse(table('people', columns));
  expect(contract && windowWidths(contract)).toEqual([]);
});

test.for<readonly [string, Json, string]>([
  [
    'no subject',
    table('people', columns, [own('anon', { quasi_identifiers: ['city'] })]),
    'has no subject to count',
  ],
  [
    'no key',
    table(
      'people',
      [column('person'), coarse('city')],
      [own('subject', 'person'), own('anon', { quasi_identifiers: ['city'] })],
    ),
    'has no key by which a changed row is known',
  ],
  ['k of one', people({ k: 1, quasi_identifiers: ['city'] }), '"k" is below 2'],
  ['no quasi-identifier', people({ quasi_identifiers: [] }), '"quasi_identifiers"'],
  [
    'a column that is not there',
    people({ quasi_identifiers: ['town'] }),
    'anon names the column town, which it does not have; name one of: id, person, city',
  ],
  [
    'no hierarchy',
    people({ quasi_identifiers: ['mood'] }),
    'public.people, column mood: is a quasi-identifier, but has no hierarchy',
  ],
  [
    'the key as a quasi-identifier',
    people({ quasi_identifiers: ['id'] }),
    'column id: is a quasi-identifier and of the key',
  ],
  [
    'the subject as an attribute',
    people({ quasi_identifiers: ['city'], attributes: ['person'] }),
    'column person: is an attribute of anon, but tells whose row it is',
  ],
  [
    'an attribute that does not leave',
    people({ quasi_identifiers: ['city'], attributes: ['email'] }),
    'column email: is an attribute of anon, and its rule is tokenise',
  ],
  [
    'a column twice',
    people({ quasi_identifiers: ['city'], attributes: ['city'] }),
    'column city: is in anon twice',
  ],
  [
    'l without a sensitive column',
    people({ quasi_identifiers: ['city'], l: 2 }),
    'anon has an l, but no sensitive column',
  ],
])('%s is a fault that names what is right', ([, promised, text]) => {
  expect(problems(() => parse(promised)).join('\n')).toContain(text);
});

test('two tables do not share a dataset', () => {
  const first = people({ quasi_identifiers: ['city'], dataset: 'shared' });
  const other = { ...first, name: 'z', physicalName: 'public.z' };
  expect(problems(() => parse(first, other)).join('\n')).toContain(
    'public.z: its dataset is shared, which is that of public.people too',
  );
});

test('conductor check warns of a k below five', () => {
  const finding = (k: number) => checkAnonymity(parse(people({ k, quasi_identifiers: ['city'] })));
  expect(finding(5)).toEqual([]);
  expect(finding(4)).toMatchObject([
    { outcome: 'warning', what: expect.stringContaining('k is 4') },
  ]);
});
