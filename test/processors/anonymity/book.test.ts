import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Book } from '../../../processors/anonymity/book.ts';
import { nameLength } from '../../../processors/anonymity/name-list.ts';
import { Names } from '../../../processors/anonymity/names.ts';

const name = (of: number) => `${of}`.padStart(nameLength, '0');
/** Many begin alike, so that they collide. */
const names = fc.nat(40).map((n) => `${'\0\0\0'}${String.fromCharCode(n % 3)}${name(n).slice(4)}`);

test('names keep their numbers, whatever comes and goes', () => {
  const step = fc.record({ name: names, remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const numbers = new Names();
      const known = new Map<string, number>();
      for (const { name: each, remove } of steps) {
        const number = known.get(each);
        if (!remove) known.set(each, numbers.add(each));
        else if (number !== undefined) {
          numbers.remove(number);
          known.delete(each);
        }
        for (const [other, of] of known) {
          expect(numbers.find(other)).toBe(of);
          expect(numbers.nameOf(of)).toBe(other);
        }
        expect(numbers.find(each)).toBe(known.get(each) ?? -1);
      }
      expect(new Set(known.values()).size).toBe(known.size);
    }),
  );
});

test('there is room for as many names as come', () => {
  const numbers = new Names();
  const pseudonyms = Array.from({ length: 10_000 }, (_, n) =>
    hash('sha256', `${n}`, 'buffer').toString('latin1', 0, nameLength),
  );
  for (const [n, each] of pseudonyms.entries()) expect(numbers.add(each)).toBe(n);
  for (const [n, each] of pseudonyms.entries()) expect(numbers.find(each)).toBe(n);
});

const step = fc.record({
  row: fc.nat(15),
  subject: fc.nat(8),
  region: fc.nat(3),
  what: fc.constantFrom('release', 'release', 'retract'),
  sensitive: fc.option(fc.nat(3)),
});

/** All that can be asked of a book. */
const said = (book: Book) => ({
  regions: book.regions.map(({ key, loss, subjects, sensitive }) => ({
    key,
    loss,
    subjects,
    sensitive: [...sensitive.values()].map(({ value, rows }) => `${value} ${rows}`).toSorted(),
  })),
  subjects: Array.from({ length: 9 }, (_, n) => [
    book.regionOf(name(n))?.key,
    book.isTold(name(n)),
  ]),
  told: Array.from({ length: 16 }, (_, n) => book.isOfAnother(name(n), name(3))),
  of: [0, 1, 2].map((lane) => book.rowsOf(lane).toSorted()),
  in: book.regions.map((region) => book.rowsIn(new Set([region])).toSorted()),
});

test('a region has the sensitive values of the rows that are told in it now, however they came and went', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new Book();
      const values = new Map<number, string | null>(); // By row.
      for (const { row, what, sensitive } of steps) {
        const region = book.open(['*'], 1);
        const value = sensitive === null ? null : name(sensitive);
        const own = { release: name(row), lane: 0, sensitive: value };
        const after = new Map([...values, [row, value]]);
        expect(book.valuesWith(name(row), region, value)).toBe(distinct(after));
        expect(book.isRowTold(name(row))).toBe(values.has(row));
        if (what === 'release') {
          book.release(name(row), name(row % 4), region, own);
          values.set(row, value);
        } else {
          book.retract(name(row));
          values.delete(row);
        }
        expect(region.sensitive.size).toBe(distinct(values));
      }
    }),
  );
});

const distinct = (values: ReadonlyMap<number, string | null>): number =>
  new Set([...values.values()].filter((value) => value !== null)).size;

test('a book that is read from its journals, or from its summary, says what the first one says', () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 20 }), { maxLength: 6 }), (windows) => {
      const book = new Book();
      const journals: Buffer[] = [];
      let release = 0;
      for (const steps of windows) {
        for (const { row, subject, region: number, what, sensitive } of steps) {
          const region = book.regionOf(name(subject)) ?? book.open(['*', `r${number}`, null], 0.5);
          if (what === 'release')
            book.release(name(row), name(subject), region, {
              release: name(++release),
              lane: row % 3,
              sensitive: sensitive === null ? null : name(sensitive),
            });
          else book.retract(name(row));
        }
        journals.push(book.takeJournal());
      }
      const again = new Book();
      for (const journal of journals) again.replay(journal);
      expect(said(again)).toEqual(said(book));
      const short = new Book();
      for (const piece of book.summary(100)) short.replay(piece);
      expect(said(short)).toEqual(said(book));
    }),
  );
});
