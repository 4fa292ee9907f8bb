import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partsOfOne, quantityText, usageOf } from '../../schemas/usage.ts';

const now = Date.parse('2026-11-27T12:00:00Z') * 1_000;
const terms = {
  decimals: (unit: string) => ({ graphql_call: 0, storage_gb_day: 9 })[unit] ?? null,
  now,
};
const event = (over: object = {}, data: object = {}) => ({
  specversion: '1.0',
  type: 'conductor.usage',
  source: 'api',
  id: 'e1',
  subject: 'acme',
  time: '2026-11-27T11:59:59.123456Z',
  ...over,
  data: { unit: 'graphql_call', quantity: 3, operation: 'orders', ...data },
});

test('an event says who used how much of what, and when', () => {
  expect(usageOf(event({ extension: 1 }), terms)).toEqual({
    is: 'usage',
    usage: {
      source: 'api',
      id: 'e1',
      tenant: 'acme',
      unit: 'graphql_call',
      quantity: 3n * partsOfOne,
      at: now - 1_000_000 + 123_456,
      operation: 'orders',
      dataset: '',
      region: '',
      corrects: null,
    },
  });
  const stored = event(
    { time: '2026-11-27T13:00:00+02:00' },
    { unit: 'storage_gb_day', quantity: '0.000000001' },
  );
  expect(usageOf(stored, terms)).toMatchObject({
    usage: { quantity: 1_000n, at: now - 3_600_000_000 },
  });
});

test.each([
  [null, 'event', 'is no object'],
  [[], 'event', 'is no object'],
  [event({ specversion: '0.3' }), 'specversion', 'is not "1.0"'],
  [event({ type: 'other' }), 'type', 'is not "conductor.usage"'],
  [event({ id: '' }), 'id', 'is no text'],
  [event({ id: 7 }), 'id', 'is no text'],
  [event({ source: 'x'.repeat(257) }), 'source', 'is longer than 256 characters'],
  [event({ subject: undefined }), 'subject', 'is no text'],
  [event({ time: '2026-11-27' }), 'time', 'is no RFC 3339 time'],
  [event({ time: '2026-13-27T00:00:00Z' }), 'time', 'is no RFC 3339 time'],
  [event({ time: '2026-11-27T12:05:01Z' }), 'time', 'is in the future'],
  [event({ time: '1969-12-31T23:59:59Z' }), 'time', 'is before 1970'],
  [{ ...event(), data: 'none' }, 'data', 'is no object'],
  [event({}, { unit: 'gold' }), 'data.unit', 'is no unit of contracts/unit-costs.yaml'],
  [
    event({}, { quantity: -1 }),
    'data.quantity',
    'is negative; to take usage back, correct its event',
  ],
  [event({}, { quantity: 0.5 }), 'data.quantity', 'is no whole number'],
  [event({}, { quantity: 'many' }), 'data.quantity', 'is no number'],
  [event({}, { quantity: null }), 'data.quantity', 'is no number'],
  [event({}, { quantity: 1e30 }), 'data.quantity', 'is beyond all measure'],
  [
    event({}, { unit: 'storage_gb_day', quantity: '0.0000000001' }),
    'data.quantity',
    'has more than 9 decimals',
  ],
  [event({}, { corrects: 'e1' }), 'data.corrects', 'names the event itself'],
  [event({}, { operation: 7 }), 'data.operation', 'is no text'],
])('%j is refused for %s', (bad, field, fault) => {
  expect(usageOf(bad, terms)).toEqual({ is: 'refused', field, fault });
});

test('whatever comes is read or refused, and no value of it is told', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('id', 'subject', 'time', 'source'),
      (value, field) => {
        const read = usageOf(event({ [field]: value }), terms);
        if (read.is === 'refused')
          expect(Object.keys(read).sort()).toEqual(['fault', 'field', 'is']);
        else expect(typeof value).toBe('string');
      },
    ),
  );
});

test('a quantity is told with all of its places', () => {
  expect(quantityText(partsOfOne * 12n + 5n)).toBe('12.000000000005');
  expect(quantityText(0n)).toBe('0.000000000000');
});
