import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { limitsOf } from '../../../ops/api/limits.ts';

const schema = buildSchema('type Query { q: Query s: String }');
const faults = (query: string) =>
  validate(schema, parse(query), [limitsOf({ depth: 3, fields: 8, aliases: 2 })]).map(
    ({ message }) => message.replace(/^.*more (\w+) than.*$/, '$1'),
  );

test.for([
  ['within all limits', '{ q { q { s } } a: s b: s }', []],
  ['too deep', '{ q { q { q { s } } } }', ['depth']],
  [
    'too deep through a fragment',
    '{ q { ...f } } fragment f on Query { q { q { s } } }',
    ['depth'],
  ],
  ['too deep through an inline fragment', '{ q { ... on Query { q { q { s } } } } }', ['depth']],
  ['too many aliases', '{ a: s b: s c: s }', ['aliases']],
  [
    'aliases that a fragment multiplies',
    '{ q { ...f } x: q { ...f } } fragment f on Query { a: s }',
    ['aliases'],
  ],
  ['too many fields', `{ ${'s '.repeat(9)} }`, ['fields']],
  ['a fragment in itself', '{ ...f } fragment f on Query { s ...f }', []],
  [
    'fragments that double and double',
    `{ ...f0 } ${Array.from({ length: 40 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f40 on Query { s }`,
    ['fields'],
  ],
  [
    'fragments that double and double, and hold nothing',
    `{ ...f0 } ${Array.from({ length: 40 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f40 on Query { ...f0 }`,
    ['fields'],
  ],
] as const)('%s', ([, query, expected]) => {
  expect(faults(query)).toEqual(expected);
});
