import { expect, test } from 'vitest';
import { column, key, own, parse, problems, table } from './documents.ts';

const appended = table('events', [column('id', key)], [own('insertOnly', true)]);

test('a contract may say that its table is only inserted into, and promises something else by it', () => {
  expect(parse(appended)[0]).toMatchObject({ table: 'public.events', insertOnly: true });
  const [plain] = parse(table('events', [column('id', key)]));
  expect(plain).not.toHaveProperty('insertOnly');
  expect(parse(appended)[0]?.revision).not.toBe(plain?.revision);
});

test('insertOnly: false is refused with its place: what is not promised is left out', () => {
  const wrong = table('events', [column('id', key)], [own('insertOnly', false)]);
  expect(problems(() => parse(wrong))).toEqual([expect.stringMatching(/^shop\.yaml: .*events/)]);
});
