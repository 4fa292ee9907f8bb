import { expect, test } from 'vitest';
import {
  letterOfCaptured,
  letterOfChange,
  letterOfGoverned,
  letterOfRecord,
} from '../../pipelines/letters.ts';
import { RecordInPlace } from '../../pipelines/record-in-place.ts';
import type { Decoded } from '../../schemas/change.ts';
import { changeId } from '../../schemas/position.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { GovernedForm } from '../../schemas/governed-record.ts';
import { decodeSecret, encodeValues } from '../../schemas/secret.ts';
import { decoded, marker, userRow, users } from '../processors/tables.ts';

const refusal = new Refusal('no-tenant', 'table public.users: column tenant_id is not told');
const change = decoded('insert', { after: { ...userRow, id: marker } });
/** The letter of a change as capture keeps it. */
const captured = (value: Decoded) => {
  const payload = Buffer.from(encodeValues(value));
  const kept = { ...value, owners: [], payload };
  return letterOfCaptured('capture', { value: { value: kept, refusal }, refusal });
};
const record = {
  topic: 'cdc.shop.public.users',
  partition: 3,
  offset: 42n,
  key: Buffer.from('key'),
  value: Buffer.from([0, 255, 1]),
  headers: [[Buffer.from('h'), null]] as const,
};

test('a letter tells in the clear what was refused, why and where from, and no value of it', () => {
  const { payload, ...open } = captured(change);
  expect(decodeSecret(payload.toString())).toEqual(change);
  expect(open).toEqual({
    id: changeId('7000', change.log, change.position),
    pipeline: 'capture',
    reason: 'no-tenant',
    message: refusal.message,
    table: 'public.users',
    origin: 'slot@00000001/000000000000000a/00000000/00000000',
    lane: 0,
    key: null,
  });
  expect(JSON.stringify(open)).not.toContain(marker);
});

test('the key of a change is told only once it was governed', () => {
  const sealed = { ...change, sealed: Buffer.from('box') };
  expect(letterOfChange('capture', { value: sealed, refusal }).key).toBeNull();
  const governed = { ...decoded('insert', { after: userRow }), provenance: 'p', policy: 'r1' };
  expect(letterOfChange('deliver', { value: governed, refusal }).key?.toString()).toBe(
    '{"id":"7"}',
  );
});

test('the payload brings the whole change back', () => {
  const value = { ...change, sealed: Buffer.from('box') };
  const { payload } = letterOfChange('capture', { value, refusal });
  expect(decodeSecret(payload.toString())).toEqual(value);
});

test('a refused record is kept byte by byte, with its key and headers', () => {
  const letter = letterOfRecord('govern', { value: record, refusal });
  expect(letter).toMatchObject({ origin: 'cdc.shop.public.users/3@42', lane: 3, key: record.key });
  expect(JSON.parse(letter.payload.toString())).toEqual({
    topic: record.topic,
    partition: 3,
    offset: '42',
    key: Buffer.from('key').toString('base64'),
    headers: [[Buffer.from('h').toString('base64'), null]],
    value: Buffer.from([0, 255, 1]).toString('base64'),
  });
});

test('the letter of a value is the same however often it is refused, and another of another', () => {
  const again = letterOfRecord('govern', { value: { ...record }, refusal });
  expect(again).toEqual(letterOfRecord('govern', { value: record, refusal }));
  const next = letterOfRecord('govern', { value: { ...record, offset: 43n }, refusal });
  expect(next.id).not.toBe(again.id);
  expect(captured(change)).toEqual(
    captured(decoded('insert', { after: { ...userRow, id: marker } })),
  );
  expect(users.table).toBe(change.table);
});

test('a governed record that tells no change is kept byte by byte, though it lies in the memory of its batch', () => {
  const { topic, partition: lane, offset, key, value } = record;
  const origin = { topic, table: 'public.users', lane, form: {} as GovernedForm };
  const undecodable = new Refusal('undecodable', 'a value does not fit its registered schema');
  const { payload, key: told } = letterOfGoverned('deliver', {
    value: new RecordInPlace(origin, offset, key, value),
    refusal: undecodable,
  });
  expect(told).toEqual(key);
  expect(JSON.parse(payload.toString())).toEqual({
    topic,
    partition: lane,
    offset: `${offset}`,
    key: key.toString('base64'),
    headers: [],
    value: value.toString('base64'),
  });
});
