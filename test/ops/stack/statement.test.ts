import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { insertHead } from '../../../ops/stack/clickhouse-front/insert-head.ts';
import { quote, quoteName } from '../../../ops/stack/clickhouse-front/quote.ts';
import { classify } from '../../../ops/stack/clickhouse-front/statement.ts';
import { tokens } from '../../../ops/stack/clickhouse-front/tokens.ts';

const headOf = (text: string) => insertHead(Buffer.from(text));
const dataOf = (text: string) => {
  const head = headOf(text);
  return head && Buffer.from(text).subarray(head.dataStart).toString();
};

describe('an INSERT and its data', () => {
  test.each([
    ['INSERT INTO t FORMAT CSV\n1,2', 'INSERT INTO t ', 'CSV', '1,2'],
    ['insert into t format CSV 1,2', 'insert into t ', 'CSV', '1,2'],
    ['INSERT INTO t VALUES (1)', 'INSERT INTO t ', 'Values', ' (1)'],
    ['INSERT INTO t FORMAT RowBinary\n\n\r ', 'INSERT INTO t ', 'RowBinary', '\n\r '],
    ['INSERT INTO t (a, format) FORMAT TSV\r\nx', 'INSERT INTO t (a, format) ', 'TSV', 'x'],
    ['INSERT INTO `VALUES` FORMAT TSV\nx', 'INSERT INTO `VALUES` ', 'TSV', 'x'],
    ['INSERT INTO values.format VALUES (1)', 'INSERT INTO values.format ', 'Values', ' (1)'],
    [
      "INSERT INTO t SETTINGS a = ' FORMAT ' FORMAT X\ny",
      "INSERT INTO t SETTINGS a = ' FORMAT ' ",
      'X',
      'y',
    ],
    [
      '/* VALUES */INSERT INTO ü.t -- FORMAT\nFORMAT TSV\nü',
      '/* VALUES */INSERT INTO ü.t -- FORMAT\n',
      'TSV',
      'ü',
    ],
  ])('%j', (text, into, format, data) => {
    expect(headOf(text)).toMatchObject({ into, format });
    expect(dataOf(text)).toBe(data);
  });

  test.each([
    'INSERT INTO t SELECT 1',
    'INSERT INTO t SELECT 1 FORMAT CSV',
    'INSERT INTO t SELECT (SELECT format FROM x)',
    "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
    'SELECT 1 FORMAT CSV',
    'INSERT',
    '',
  ])('%j has none', (text) => expect(headOf(text)).toBeNull());

  test('a file fits behind the columns', () => {
    const head = headOf('INSERT INTO ü.t (a, (b)) SETTINGS x = 1 FORMAT CSV\n1')!;
    expect(head.into.slice(0, head.place.start)).toBe('INSERT INTO ü.t (a, (b))');
  });

  test('whatever the data are, none are lost and none are taken for SQL', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        const text = Buffer.concat([Buffer.from('INSERT INTO t FORMAT Native\n'), data]);
        const head = insertHead(text)!;
        expect(new Uint8Array(text.subarray(head.dataStart))).toEqual(data);
      }),
    );
  });
});

describe('other statements', () => {
  test.each([
    ['SELECT 1', { kind: 'read', sql: 'SELECT 1', format: null }],
    ['SELECT 1 FORMAT JSON', { kind: 'read', format: 'JSON' }],
    ['SELECT 1 FORMAT JSON SETTINGS a = 1, b = 2;', { kind: 'read', format: 'JSON' }],
    ['SELECT format FROM t', { kind: 'read', format: null }],
    ['SELECT format x FROM t', { kind: 'read', format: null }],
    ["SELECT ' FORMAT CSV'", { kind: 'read', format: null }],
    ['(SELECT 1) UNION ALL (SELECT 2 ) FORMAT CSV', { kind: 'read', format: 'CSV' }],
    ['SELECT 1; ;', { kind: 'read', sql: 'SELECT 1' }],
    ['SELECT 1; SELECT 2', { kind: 'several' }],
    ["SELECT ';'; -- SELECT 2", { kind: 'read' }],
    ['CREATE TABLE t (a Int8) ENGINE = Memory', { kind: 'write' }],
    ['INSERT INTO t SELECT 1', { kind: 'write' }],
    [' /* nothing */ ', { kind: 'empty' }],
    ['SELECT $$ ; FORMAT CSV $$', { kind: 'read', format: null }],
  ])('%j', (text, want) => expect(classify(Buffer.from(text))).toMatchObject(want));
});

test('what is quoted is one token, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect([...tokens(quote(text))].map(({ kind }) => kind)).toEqual(['string']);
      expect([...tokens(quoteName(text))].map(({ kind }) => kind)).toEqual(['quoted']);
    }),
  );
});

test('a long broken string takes no long time', () => {
  const begun = performance.now();
  classify(Buffer.from(`SELECT '${'\\\\'.repeat(500_000)}`));
  expect(performance.now() - begun).toBeLessThan(2_000);
});
