import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyNumbers } from '../../sinks/key-numbers.ts';

const key = fc.oneof(
  fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(50).map((id) => Buffer.from(`{"id":${id}}`)),
);

test('keys of a table have one number each, in the order of their first coming, batch after batch', () => {
  const numbers = new KeyNumbers();
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), key), { minLength: 1, maxLength: 400 }), (keys) => {
      numbers.clear(keys.length);
      const known = new Map<string, number>();
      for (const [table, each] of keys) {
        const name = `${table} ${each.toString('hex')}`;
        const number = known.get(name) ?? known.size;
        known.set(name, number);
        expect(numbers.of(table, each)).toBe(number);
      }
    }),
  );
});

test('a batch larger than any before has room', () => {
  const numbers = new KeyNumbers();
  numbers.clear(20_000);
  for (let id = 0; id < 20_000; id++) expect(numbers.of(0, Buffer.from(`${id}`))).toBe(id);
  expect(numbers.of(0, Buffer.from('7'))).toBe(7);
});
