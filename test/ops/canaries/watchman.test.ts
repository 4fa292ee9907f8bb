import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Watchman } from '../../../ops/canaries/watchman.ts';
import type { Received } from '../../../pipelines/topic/received.ts';

const value = 'Canary.Zoë-7f3a9c@example.org';
const watchman = new Watchman([
  { name: 'mail', value },
  { name: 'phone', value: '+49 30 5550001' },
]);
const record = (part: Partial<Received>): Received => ({
  topic: 'gov.shop.public.customers',
  partition: 3,
  offset: 41n,
  key: null,
  value: null,
  headers: [],
  ...part,
});
const namesIn = (bytes: Buffer) =>
  watchman.look(record({ value: bytes })).map(({ canary }) => canary);
const utf8 = Buffer.from(value);

test.each<[spelling: string, bytes: Buffer]>([
  ['as it is', utf8],
  [
    'in an Avro string',
    Buffer.concat([Buffer.from([0, 0, 0, 0, 7, utf8.length * 2]), utf8, Buffer.from([2])]),
  ],
  ['in UTF-16', Buffer.from(value, 'utf16le')],
  ['in lower case', Buffer.from(value.toLowerCase())],
  ['in upper case', Buffer.from(value.toUpperCase())],
  ['in hex', Buffer.from(`\\x${utf8.toString('hex')}`)],
  ['in hex of capitals', Buffer.from(utf8.toString('hex').toUpperCase())],
  ['in base64', Buffer.from(utf8.toString('base64'))],
  ['percent-encoded', Buffer.from(`?mail=${encodeURIComponent(value)}`)],
  ['in JSON of ASCII alone', Buffer.from('{"a":"Canary.Zo\\u00eb-7f3a9c@example.org"}')],
])('a canary is found %s', (_, bytes) => {
  expect(namesIn(bytes)).toEqual(['mail']);
});

test('a canary is found wherever in a longer text of base64 it stands', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 9 }),
      fc.uint8Array({ maxLength: 9 }),
      (before, after) => {
        const whole = Buffer.concat([before, utf8, after]);
        expect(namesIn(Buffer.from(whole.toString('base64')))).toEqual(['mail']);
        expect(namesIn(Buffer.from(whole.toString('base64url')))).toEqual(['mail']);
      },
    ),
  );
});

test('a sighting tells name and place, and no value', () => {
  const sightings = watchman.look(
    record({
      key: Buffer.from(`{"id":"${value}"}`),
      value: Buffer.from('+49 30 5550001 and so on'),
      headers: [
        [Buffer.from('why'), utf8],
        [null, null],
      ],
    }),
  );
  const place = { topic: 'gov.shop.public.customers', partition: 3, offset: '41' };
  expect(sightings).toEqual([
    { ...place, canary: 'mail', part: 'key' },
    { ...place, canary: 'phone', part: 'value' },
    { ...place, canary: 'mail', part: 'header' },
  ]);
});

test('what is nearly a canary is none', () => {
  expect(namesIn(utf8.subarray(1))).toEqual([]);
  expect(namesIn(Buffer.from(value.replace('7f3a9c', '7f3a9d')))).toEqual([]);
  expect(watchman.look(record({}))).toEqual([]);
});
