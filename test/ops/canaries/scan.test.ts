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
  expect(isScanned(topic, 'shop')).toBe(scanned);
});
