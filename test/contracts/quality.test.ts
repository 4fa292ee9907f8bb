import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { qualityOf } from '../../contracts/quality.ts';
import { column, document, type Json, key, problems, table } from './documents.ts';

const ofColumn = (...quality: readonly Json[]) =>
  table('a', [column('id', key), column('b', { quality })]);
const ofTable = (...quality: readonly Json[]) => ({
  ...table('a', [column('id', key), column('b')]),
  quality,
});
const read = (part: Json) => readDocument(document(part), 'shop.yaml');

test('the metrics of the standard are read, with their arguments, unit and bound', () => {
  const columns = ofColumn(
    { metric: 'nullValues', mustBe: 0 },
    {
      type: 'library',
      metric: 'missingValues',
      arguments: { missingValues: [null, '', 0] },
      mustBeLessThan: 5,
      unit: 'percent',
      severity: 'warning',
    },
    { id: 'plain', metric: 'invalidValues', arguments: { validValues: ['a', 1, true] }, mustBe: 0 },
    {
      name: 'shape',
      metric: 'invalidValues',
      arguments: { pattern: '^x$' },
      mustBeBetween: [0, 5],
    },
    { metric: 'duplicateValues', mustBe: 0 },
    { type: 'text', description: 'Somebody looked at it.' },
  );
  expect(qualityOf(read(columns)[0]!)).toEqual([
    rule('nullValues', { column: 'b' }, { title: 'nullValues' }),
    rule(
      'missingValues',
      { column: 'b', missing: [null, '', '0'] },
      {
        title: 'missingValues',
        unit: 'percent',
        severity: 'warning',
        bound: { operator: 'mustBeLessThan', value: 5 },
      },
    ),
    rule(
      'invalidValues',
      { column: 'b', valid: { values: ['a', '1', 'true'] } },
      { title: 'plain' },
    ),
    rule(
      'invalidValues',
      { column: 'b', valid: { pattern: '^x$' } },
      {
        title: 'shape',
        bound: { operator: 'mustBeBetween', from: 0, to: 5 },
      },
    ),
    rule('duplicateValues', { columns: ['b'] }, { title: 'duplicateValues' }),
  ]);
  const whole = ofTable(
    { metric: 'rowCount', mustBeGreaterThan: 1 },
    { metric: 'duplicateValues', arguments: { properties: ['id', 'b'] }, mustBe: 0 },
  );
  expect(qualityOf(read(whole)[0]!).map(({ metric }) => metric)).toEqual([
    { name: 'rowCount' },
    { name: 'duplicateValues', columns: ['id', 'b'] },
  ]);
});

const rule = (name: string, of: Json, more: Json) => ({
  metric: { name, ...of },
  unit: 'rows',
  severity: 'error',
  bound: { operator: 'mustBe', value: 0 },
  ...more,
});

describe('what cannot be measured is refused', () => {
  const zero = { mustBe: 0 };
  test.each<[fault: string, part: Json, text: string]>([
    [
      'SQL',
      ofColumn({ type: 'sql', query: 'SELECT 1', ...zero }),
      'shop.yaml: public.a, column b: its quality rule "sql" is of type sql, which is not measured here; write a metric',
    ],
    [
      'an engine',
      ofColumn({ type: 'custom', engine: 'soda', implementation: 'x' }),
      'is of type custom',
    ],
    [
      'a query beside a metric',
      ofColumn({ metric: 'nullValues', query: 'x', ...zero }),
      'has a query or an engine',
    ],
    [
      'the old word',
      ofColumn({ rule: 'nullValues', ...zero }),
      'says `rule`, which the standard gave up',
    ],
    ['no metric', ofColumn({ ...zero }), 'has no metric'],
    ['an unknown metric', ofColumn({ metric: 'freshness', ...zero }), 'has the metric freshness'],
    ['no bound', ofColumn({ metric: 'nullValues' }), 'has no bound'],
    [
      'two bounds',
      ofColumn({ metric: 'nullValues', mustBe: 0, mustNotBe: 1 }),
      'more than one bound',
    ],
    [
      'a range upside down',
      ofColumn({ metric: 'nullValues', mustBeBetween: [5, 1] }),
      'write the smaller number first',
    ],
    ['another unit', ofColumn({ metric: 'nullValues', unit: 'bytes', ...zero }), 'counts in bytes'],
    [
      'rows in percent',
      ofTable({ metric: 'rowCount', unit: 'percent', ...zero }),
      'in percent of themselves',
    ],
    ['rows of a column', ofColumn({ metric: 'rowCount', ...zero }), 'move it to the table'],
    [
      'nulls of a table',
      ofTable({ metric: 'nullValues', ...zero }),
      'shop.yaml: public.a: its quality rule "nullValues" measures nullValues of a whole table',
    ],
    [
      'missing values that are not told',
      ofColumn({ metric: 'missingValues', ...zero }),
      'which values are missing ones',
    ],
    [
      'valid values that are not told',
      ofColumn({ metric: 'invalidValues', ...zero }),
      'does not say what is valid',
    ],
    [
      'valid values told twice',
      ofColumn({
        metric: 'invalidValues',
        arguments: { pattern: 'x', validValues: ['x'] },
        ...zero,
      }),
      'says it twice',
    ],
    [
      'an argument of another metric',
      ofColumn({ metric: 'nullValues', arguments: { pattern: 'x' }, ...zero }),
      'takes no pattern',
    ],
    [
      'repeats of nothing',
      ofTable({ metric: 'duplicateValues', ...zero }),
      'which columns together',
    ],
    [
      'repeats of an unknown column',
      ofTable({ metric: 'duplicateValues', arguments: { properties: ['c'] }, ...zero }),
      'names the column c, which the table does not have; name some of: id, b',
    ],
    [
      'repeats of others in a column',
      ofColumn({ metric: 'duplicateValues', arguments: { properties: ['id'] }, ...zero }),
      'move it to the table',
    ],
  ])('%s', (_, part, text) => {
    expect(faultsOf(read(part)).join('\n')).toContain(text);
  });

  test('rows of an outbox, which has none', () => {
    const messages = {
      ...table('a', [column('id')], [{ property: 'outbox', value: true }]),
      quality: [{ metric: 'rowCount', ...zero }],
    };
    expect(faultsOf(read(messages)).join('\n')).toContain('is an outbox, which has no rows');
  });

  test.each<[fault: string, quality: Json, text: string]>([
    [
      'a bound that is no number',
      { metric: 'nullValues', mustBe: 'few' },
      '"mustBe" invalid input: expected number',
    ],
    ['an unknown key', { metric: 'nullValues', mustBee: 0 }, 'unknown key "mustBee"'],
    [
      'an unknown severity',
      { metric: 'nullValues', mustBe: 0, severity: 'loud' },
      '"severity" invalid option',
    ],
  ])('%s, by its shape', (_, quality, text) => {
    expect(problems(() => read(ofColumn(quality))).join('\n')).toContain(text);
  });
});
