import { createSecretKey, hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { anonymousForm, noiseForm } from '../../../ops/worker/window-forms.ts';
import { people } from '../../pipelines/anonymity/people.ts';

const keyOf = (seed: string) => createSecretKey(hash('sha256', seed, 'buffer'));

test('a dataset has another form wherever its subjects or rows would have other names, or its regions other columns or sensitive values', () => {
  const table = people();
  const secret = table.columns.map((each) =>
    each.name === 'id' ? { ...each, classification: 'confidential' as const } : each,
  );
  const renamed = { ...table, subject: { column: 'owner', domain: 'public.people.person' } };
  const forms = [
    anonymousForm(table, keyOf('a')),
    anonymousForm(table, keyOf('b')),
    anonymousForm(renamed, keyOf('a')),
    anonymousForm({ ...table, tenant: 'region_id' }, keyOf('a')),
    anonymousForm({ ...table, tenant: null }, keyOf('a')),
    anonymousForm(people({ quasi_identifiers: ['age'] }), keyOf('a')),
    anonymousForm({ ...table, key: ['tenant_id', 'id'] }, keyOf('a')),
    anonymousForm({ ...table, columns: secret }, keyOf('a')), // Its key is a token then.
    anonymousForm({ ...table, table: 'public.others' }, keyOf('a')),
    anonymousForm(people({ diversity: { column: 'mood', l: 2 } }), keyOf('a')),
    anonymousForm(people({ diversity: { column: 'age', l: 2 } }), keyOf('a')),
  ];
  expect(new Set(forms).size).toBe(forms.length);
  expect(anonymousForm(people({ k: 9, delay: 7 }), keyOf('a'))).toBe(forms[0]);
});

test('noise under another key is another form, and no form tells its key', () => {
  expect(noiseForm(keyOf('a'))).toBe(noiseForm(keyOf('a')));
  expect(noiseForm(keyOf('a'))).not.toBe(noiseForm(keyOf('b')));
  for (const form of [noiseForm(keyOf('a')), anonymousForm(people(), keyOf('a'))])
    expect(form).not.toContain(keyOf('a').export().toString('hex').slice(0, 8));
});
