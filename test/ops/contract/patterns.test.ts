import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Pattern, seenIn } from '../../../ops/contract/patterns.ts';

const patternsOf = (value: string) =>
  Object.entries(seenIn([value]).counts)
    .filter(([, count]) => count > 0)
    .map(([pattern]) => pattern);

test.each<[value: string, pattern: Pattern]>([
  ['ada@example.org', 'an e-mail address'],
  [' Zoë.O’Neill+x@mail.example.co.uk ', 'an e-mail address'],
  ['DE89 3704 0044 0532 0130 00', 'an IBAN'],
  ['GB82WEST12345698765432', 'an IBAN'],
  ['4111 1111 1111 1111', 'a card number'],
  ['378282246310005', 'a card number'],
  ['5555555555554444', 'a card number'],
  ['078-05-1120', 'a number that an authority gave'],
  ['AB123456C', 'a number that an authority gave'],
  ['12345678Z', 'a number that an authority gave'],
  ['X1234567L', 'a number that an authority gave'],
  ['111.444.777-35', 'a number that an authority gave'],
  ['1 85 05 78 006 084 91', 'a number that an authority gave'],
  ['192.168.0.1', 'a network address'],
  ['10.0.0.0/8', 'a network address'],
  ['2001:db8::1', 'a network address'],
  ['+49 30 901820', 'a telephone number'],
  ['(030) 9018-2000', 'a telephone number'],
  ['0030123456789', 'a telephone number'],
  ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'a UUID'],
  ['1961-05-17', 'a date of birth'],
  ['a line of more than five words', 'free text'],
  ['write to ada@example.org', 'text with personal data in it'],
  ['to DE89 3704 0044 0532 0130 00, please', 'text with personal data in it'],
])('%s looks like %s', (value, pattern) => {
  expect(patternsOf(value)).toContain(pattern);
});

test.each([
  'DE88370400440532013000', // A wrong check digit.
  '4111111111111112',
  '9111111111111111',
  '666-12-3456',
  '12345678A',
  '111.444.777-36',
  '1850578006084 92',
  '1.2.3',
  '300.1.1.1',
  '12345678',
  '2026-11-26T10:00:00Z',
  '1700-01-01',
  'placed',
  '',
  '@',
  'a@b',
])('%s looks like nothing', (value) => {
  expect(patternsOf(value)).toEqual([]);
});

test('values are counted, and which they are is not told', () => {
  const seen = seenIn(['ada@example.org', null, 'ada@example.org', 'bob@example.org', 'x']);
  expect(seen).toMatchObject({ values: 4, distinct: 3, shortest: 1 });
  expect(seen.counts['an e-mail address']).toBe(3);
  expect(JSON.stringify(seen)).not.toMatch(/ada|bob|example/);
  expect(seenIn([null])).toMatchObject({ values: 0, distinct: 0, shortest: 0 });
});

test('no text is more than looked at', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'binary' }))), (values) => {
      const { counts, ...rest } = seenIn(values);
      const some = values.filter((value) => value !== null).length;
      expect(rest.values).toBe(some);
      for (const count of Object.values(counts)) expect(count).toBeLessThanOrEqual(some);
    }),
  );
});
