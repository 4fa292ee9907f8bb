import { expect, test } from 'vitest';
import { isOwnFault, refusalOf } from '../../../pipelines/backfill/trouble.ts';
import { marker } from '../../processors/tables.ts';

const part = { part: 'public.users', oid: 1, filenode: 1, blocks: 1, through: null };
const complaint = (code: string, message = `invalid input: "${marker}"`) =>
  Object.assign(new Error(message), { code });
const refusal = (code: string, condition: string | null = null) =>
  refusalOf(complaint(code), { part, condition });

test.for([
  ['42501', null, 'GRANT SELECT ON public.users'],
  ['42501', 'id > 1', 'BYPASSRLS'],
  ['22P02', 'id = x', 'cancel it, and ask again with another --where'],
  ['22P02', null, 'a row of public.users cannot be read (SQLSTATE 22P02)'],
  ['42703', 'nothing > 1', '(SQLSTATE 42703): cancel it'],
  ['0A000', 'nothing > 1', '(SQLSTATE 0A000): cancel it'],
] as const)('SQLSTATE %s, with the condition %s, ends a copy and says how to mend it', (row) => {
  const [code, condition, says] = row;
  expect(refusal(code, condition)).toContain(says);
});

test.for(['08006', '57P01', '57014', '53300', '42P01', '40001', '25006', ''])(
  'SQLSTATE %j without a condition may mend itself',
  (code) => {
    expect(refusal(code)).toBeNull();
  },
);

test.for(['22P02', '22012', '22003'])('what is said of a value (%s) does not quote it', (code) => {
  for (const condition of [null, 'id = x']) expect(refusal(code, condition)).not.toContain(marker);
});

test('what is no error of a server may mend itself', () => {
  for (const error of ['text', null, new Error('no code'), Object.assign(new Error(), { code: 5 })])
    expect(refusalOf(error, { part, condition: 'id > 1' })).toBeNull();
});

test('a mistake of ours is told from an outage', () => {
  for (const mistake of [new TypeError(), new RangeError(), new ReferenceError()])
    expect(isOwnFault(mistake)).toBe(true);
  for (const outage of [new Error('ECONNRESET'), complaint('57P01'), null])
    expect(isOwnFault(outage)).toBe(false);
});
