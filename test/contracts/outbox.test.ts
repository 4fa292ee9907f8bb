import { expect, test } from 'vitest';
import { tablesOf } from '../../pipelines/wal/tables.ts';
import { column, customers, key, own, parse, problems, table } from './documents.ts';

const outbox = own('outbox', true);
const events = table('events', [column('id', key)], [outbox]);

test('a contract may be of messages, and says so', () => {
  const [theirs, ours] = parse(customers, events);
  expect(ours).toMatchObject({ table: 'public.events', key: ['id'], outbox: true });
  expect(theirs).not.toHaveProperty('outbox');
});

test('a contract of messages promises something else than the same contract of a table', () => {
  const [ofTable] = parse(table('events', [column('id', key)]));
  expect(parse(events)[0]?.revision).not.toBe(ofTable?.revision);
});

test('messages may have a tenant, a subject and a place in the graph, as tables have', () => {
  const label = own('graph', { label: 'Event' });
  const whole = table('events', [column('id', key)], [own('subject', 'id'), label, outbox]);
  expect(parse(whole)[0]).toMatchObject({
    subject: { column: 'id', domain: 'public.events.id' },
    graph: { label: 'Event' },
    outbox: true,
  });
});

test('what is of messages is not looked for among the tables', () => {
  const contracts = new Map(parse(customers, events).map((each) => [each.table, each]));
  expect([...tablesOf(contracts).keys()]).toEqual(['public.customers']);
});

test.for([false, 'yes', 1, null])('outbox: %j is refused with its place', (value) => {
  const wrong = table('events', [column('id', key)], [own('outbox', value)]);
  const [problem, ...rest] = problems(() => parse(wrong));
  expect(rest).toEqual([]);
  expect(problem).toMatch(/^shop\.yaml: .*events/);
});

test('outbox twice is refused', () => {
  const twice = table('events', [column('id', key)], [outbox, outbox]);
  expect(problems(() => parse(twice))).toEqual([
    'shop.yaml: public.events: says "outbox" twice; keep one of the two',
  ]);
});
