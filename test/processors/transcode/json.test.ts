import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textJsonWriter } from '../../../processors/transcode/json.ts';
import { kindOf } from '../../../schemas/avro.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { encodeValues } from '../../../schemas/secret.ts';
import { keyText } from '../../../schemas/value.ts';
import * as arbitrary from '../../schemas/arbitrary.ts';
import { textOf, written } from './column-writers.ts';

const anyColumn = fc
  .constantFrom(...arbitrary.kinds)
  .chain((kind) => fc.tuple(arbitrary.columnOf(kind), arbitrary.valuesOf(kind)));

test('any value is written from its text as keys and secrets have it, byte by byte', () => {
  fc.assert(
    fc.property(anyColumn, ([column, value]) => {
      const text = Buffer.from(textOf(value));
      const key = written(textJsonWriter(column, 'key'), text).toString();
      expect(`{"value":${key}}`).toBe(keyText({ value }));
      const secret = written(textJsonWriter(column, 'secret'), text).toString();
      expect(`{"value":${secret}}`).toBe(encodeValues({ value }));
    }),
    { numRuns: 3_000 },
  );
});

test('any text is a JSON string as JavaScript writes it', () => {
  const special = fc.constantFrom(
    '"',
    '\\',
    '\n',
    '\u0001',
    '\u007f',
    '\u2028',
    'é',
    '🦊',
    'abcdefgh',
  );
  const texts = fc.array(fc.oneof(special, arbitrary.text)).map((parts) => parts.join(''));
  const write = textJsonWriter({ name: 'value', type: 'text', kind: 'string' }, 'key');
  fc.assert(
    fc.property(texts, (text) => {
      expect(written(write, Buffer.from(text)).toString()).toBe(JSON.stringify(text));
    }),
    { numRuns: 2_000 },
  );
});

test('what is no number is refused by the column’s name alone', () => {
  for (const type of ['integer', 'bigint', 'real', 'double precision']) {
    const write = textJsonWriter({ name: 'value', type, kind: kindOf(type) }, 'secret');
    for (const text of ['', 'MARKER', '1.2.3', '-'])
      expect(() => written(write, Buffer.from(text)), `${type} ${text}`).toThrow(Refusal);
  }
});
