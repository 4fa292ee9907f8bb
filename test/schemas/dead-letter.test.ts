import avro from 'avsc';
import { expect, test } from 'vitest';
import { deadLetterSchema, writtenLetter } from '../../schemas/dead-letter.ts';
import { frame } from '../../schemas/wire.ts';

const letter = {
  id: '0'.repeat(32),
  reason: 'no-tenant',
  message: 'table public.users: column tenant_id is not told',
  table: null,
  origin: 'cdc.shop.public.users/3@42',
  sealed: Buffer.of(1, 2, 3),
};
const counted = { chunk: 1, chunks: 2, seals: 2 };
const typeOf = (schema: object) => avro.Type.forSchema(schema as never, { wrapUnions: false });
const written = (schema: object, record: object) => {
  const type = typeOf(schema);
  return writtenLetter(type, frame({ id: 1, type }, record));
};

test('a letter is read as it was written', () => {
  const found = written(deadLetterSchema, { ...letter, ...counted, pipeline: 'govern' });
  expect(found).toMatchObject({ ...letter, ...counted });
});

test('a letter of before there were chunks is one piece under one seal', () => {
  const fields = deadLetterSchema.fields.slice(0, -3);
  const found = written({ ...deadLetterSchema, fields }, { ...letter, pipeline: 'govern' });
  expect(found).toMatchObject({ ...letter, chunk: 0, chunks: 1, seals: 1 });
});

test('what is of another schema, or cut off, is no letter', () => {
  const other = { ...deadLetterSchema, name: 'Other' };
  expect(written(other, { ...letter, ...counted, pipeline: 'govern' })).toBeNull();
  const type = typeOf(deadLetterSchema);
  const whole = frame({ id: 1, type }, { ...letter, ...counted, pipeline: 'govern' });
  expect(writtenLetter(type, whole.subarray(0, 40))).toBeNull();
});
