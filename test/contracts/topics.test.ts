import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  changesTopic,
  deadLettersTopic,
  governedTopic,
  tableOf,
  topicFault,
  topicSettings,
} from '../../contracts/topics.ts';
import { columnName } from '../schemas/arbitrary.ts';

test('golden topic names', () => {
  expect(changesTopic('shop', 'public.orders')).toBe('cdc.shop.public.orders');
  expect(governedTopic('shop', 'public.orders')).toBe('gov.shop.public.orders');
  expect(deadLettersTopic('govern')).toBe('dlq.govern');
  expect(changesTopic('shop', 'public.Größe')).toBe('cdc.shop.public._x4772c3b6c39f65');
});

test('any table has a topic that Kafka takes, and its name comes back from it', () => {
  const schema = columnName.filter((name) => !name.includes('.'));
  fc.assert(
    fc.property(schema, columnName, (namespace, name) => {
      const table = `${namespace}.${name}`;
      const topic = governedTopic('shop', table);
      expect(topic).toMatch(/^[A-Za-z0-9._-]+$/);
      expect(tableOf(topic)).toBe(table);
      expect(tableOf(changesTopic('shop', table))).toBe(table);
    }),
  );
});

test('a table whose topic has a name that Kafka does not take is told before it is made', () => {
  expect(topicFault('shop', `public.${'o'.repeat(63)}`)).toBe(null);
  expect(topicFault('s'.repeat(63), `${'p'.repeat(63)}.${'o'.repeat(63)}`)).toBe(null);
  expect(topicFault('shop', `${'ж'.repeat(31)}.${'日'.repeat(21)}`)).toMatch(
    /would have 264 letters, and Kafka takes 246/,
  );
});

test('a topic that carries no table is an error that names it', () => {
  expect(() => tableOf('dlq.govern')).toThrow('dlq.govern is not the topic of a table');
});

const hour = 3_600_000;
const retentions = [
  { topic: 'cdc.shop.public.t', hours: 24 },
  { topic: 'gov.shop.public.t', hours: 7 * 24 },
  { topic: 'dlq.govern', hours: 14 * 24 },
] as const;

for (const { topic, hours } of retentions)
  test(`${topic} is kept for ${hours} hours, in as many lanes as all others`, () => {
    const { partitions, configs } = topicSettings(topic, 12);
    expect(partitions).toBe(12);
    expect(configs['retention.ms']).toBe(`${hours * hour}`);
  });

test('a letter has room for the largest change, sealed once more', () => {
  const most = (topic: string) => Number(topicSettings(topic, 1).configs['max.message.bytes']);
  expect(most('dlq.capture')).toBeGreaterThan(2 * most('cdc.shop.public.t'));
});
