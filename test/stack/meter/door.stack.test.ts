import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { laneOfKey } from '../../../processors/lane.ts';
import { startApi } from '../api/api.ts';
import { countOf, readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import { usageEvent } from './usage-events.ts';

let way: Way;
let url: string;
let topic: string;

const key = 'the-key-of-a-test';
const keySha256 = createHash('sha256').update(key).digest('hex');

beforeAll(async () => {
  way = await openWay();
  topic = `usage.${way.name}`;
  const unitCosts = join(import.meta.dirname, '../../../contracts/unit-costs.yaml');
  const configFile = await way.variant((raw) => {
    raw['metering'] = {
      topic,
      unitCosts,
      sources: [{ source: '/test', keySha256 }],
      bodyBytes: 200_000,
    };
  });
  await way.drain(); // The host reads what rests.
  url = (await startApi(way, configFile)).url;
});

afterAll(() => way?.[Symbol.asyncDispose]());

async function post(body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/v1/usage`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
    body,
  });
  const text = await answer.text();
  return { status: answer.status, text, said: JSON.parse(text) as unknown };
}

test('an event that was accepted is in Kafka, in the lane of its tenant, and as it was sent', async () => {
  const event = usageEvent({ id: 'one', tenant: 'acme' });
  expect(await post(event)).toMatchObject({ status: 202, said: { accepted: 1, refused: [] } });
  const [record, ...others] = await readAll(way.stack, [topic]);
  expect(others).toEqual([]);
  expect(record?.value?.toString()).toBe(event);
  expect(record?.partition).toBe(laneOfKey(Buffer.from('acme'), way.config.kafka.partitions));
});

test('of a batch the lines that cannot be counted are told with their field, and the others are accepted', async () => {
  const before = await countOf(way.stack, [topic]);
  const lines = [
    usageEvent({ id: '1' }),
    usageEvent({ id: '2', unit: 'phone_call' }),
    usageEvent({ id: '3', quantity: -1 }),
    usageEvent({ id: '4', time: '2999-01-01T00:00:00Z' }),
    usageEvent({ id: '5' }).replace('/test', '/other'),
    '7',
    usageEvent({ id: 'large' }).replace('{', `{"more":"${'x'.repeat(70_000)}",`),
    usageEvent({ id: '6' }),
  ];
  const answer = await post(`[${lines.join(',')}]`, {
    'content-type': 'application/cloudevents-batch+json',
  });
  expect(answer).toMatchObject({
    status: 202,
    said: {
      accepted: 2,
      refused: [
        { line: 1, field: 'data.unit', fault: 'is no unit of contracts/unit-costs.yaml' },
        { line: 2, field: 'data.quantity' },
        { line: 3, field: 'time', fault: 'is in the future' },
        { line: 4, field: 'source', fault: 'is not the source of this key' },
        { line: 5, field: 'event', fault: 'is no object' },
        { line: 6, field: 'event', fault: 'is longer than 65536 bytes' },
      ],
    },
  });
  expect(await countOf(way.stack, [topic])).toBe(before + 2);
});

test.for([
  ['no key', { authorization: '' }, usageEvent({ id: 'x' }), 401],
  ['another key', { authorization: 'Bearer other' }, usageEvent({ id: 'x' }), 401],
  ['no JSON', {}, '{"a secret": ', 400],
  ['no event', {}, '[]', 400],
  ['another type', { 'content-type': 'text/plain' }, usageEvent({ id: 'x' }), 415],
  ['too large a body', {}, `[${usageEvent({ id: 'x'.repeat(300_000) })}]`, 413],
  ['nothing that can be counted', {}, usageEvent({ id: 'x', unit: 'phone_call' }), 422],
] as const)('%s is refused, and nothing of it is written', async ([, headers, body, status]) => {
  const before = await countOf(way.stack, [topic]);
  const answer = await post(body, headers);
  expect(answer.status).toBe(status);
  expect(answer.text).not.toContain('a secret');
  expect(await countOf(way.stack, [topic])).toBe(before);
});
