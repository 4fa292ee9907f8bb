import { expect, test } from 'vitest';
import { isScanned } from '../../../ops/canaries/scan.ts';

test.each<[topic: string, scanned: boolean]>([
  ['cdc.shop.public.customers', true],
  ['cdc.shop.transactions', true],
  ['gov.shop.public.customers.v2', true],
  ['anon.customers', true],
  ['dp.customers', true],
  ['dlq.capture', true],
  ['retry.govern', true],
  ['control.policies', true],
  ['usage', true],
  ['provenance', true],
  ['cdc.shop2.public.customers', false],
  ['gov.other.public.customers', false],
  ['__consumer_offsets', false],
  ['usages', false],
])('what is made of database shop may be in %s: %s', (topic, scanned) => {
  expect(isScanned(topic, { database: 'shop', provenance: undefined })).toBe(scanned);
});

test('the log of what is proved is looked at by the name that it has', () => {
  const provenance = {
    signingKey: '11'.repeat(32),
    origin: 'log.example/shop',
    prefix: 'pg',
    topic: 'shop.proofs',
    directory: 'provenance',
    segmentSeconds: 60,
  };
  expect(isScanned('shop.proofs', { database: 'shop', provenance })).toBe(true);
});
