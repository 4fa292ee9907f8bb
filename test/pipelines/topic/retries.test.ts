import { expect, test } from 'vitest';
import type { Received } from '../../../pipelines/topic/received.ts';
import { ownOf, withRetries } from '../../../pipelines/topic/retries.ts';
import { deliveries, ListSource } from '../../doubles.ts';

const record = (
  topic: string,
  offset: number,
  headers: Readonly<Record<string, string>> = {},
): Received => ({
  topic,
  partition: 2,
  offset: BigInt(offset),
  key: Buffer.from('{"id":1}'),
  value: Buffer.from('a change'),
  headers: Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
});

const input = 'cdc.shop.public.users';

test('what comes again is taken for a record of its topic, and of the offset that it was refused at; of other topics, or without its letter, it is passed over', async () => {
  const headers = { topic: input, letter: 'abc', job: 'j' };
  const given = [
    record(input, 1),
    record('retry.govern', 2, headers),
    record('retry.govern', 2, { ...headers, offset: '41' }),
    record('retry.govern', 3, { ...headers, topic: 'cdc.other.public.users' }),
    record('retry.govern', 4),
    { ...record('retry.govern', 5, { ...headers, letter: 'waived' }), value: Buffer.alloc(0) },
  ];
  const waived: string[] = [];
  const source = withRetries(new ListSource(deliveries(given.map((each) => [each]))), {
    retry: 'retry.govern',
    topics: [input],
    waived: ({ topic }, letter) => waived.push(`${topic} ${letter}`),
  });
  const reading = {
    signal: new AbortController().signal,
    revoked: () => {},
    quiet: async () => {},
  };
  const read: Received[] = [];
  for await (const { values } of source.read(reading)) read.push(...values);
  expect(read).toEqual([
    given[0],
    { ...given[1], topic: input, retried: { letter: 'abc', topic: 'retry.govern', offset: null } },
    { ...given[2], topic: input, retried: { letter: 'abc', topic: 'retry.govern', offset: 41n } },
  ]);
  expect(waived).toEqual([`${input} waived`]);
});

test('of what comes again to others not even the schema is asked for', () => {
  const own = ownOf({ retry: 'retry.govern', topics: [input] });
  const ours = record('retry.govern', 1, { topic: input, letter: 'abc' });
  const theirs = record('retry.govern', 2, { topic: 'cdc.other.public.users', letter: 'def' });
  expect(own([ours, theirs])).toEqual([ours]);
  expect(own([record(input, 3)])).toEqual([record(input, 3)]);
});
