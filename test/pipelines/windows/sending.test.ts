import { expect, test } from 'vitest';
import { Sending } from '../../../pipelines/windows/sending.ts';

test('what is not sent yet is no failure, and what is sent is none', async () => {
  const sending = new Sending();
  const sent = Promise.withResolvers<void>();
  sending.begin(sent.promise);
  sending.check();
  sent.resolve();
  await sending.done();
  sending.check();
});

test('a failure is told to whoever only looks, also if nothing is sent after it, and to whoever waits', async () => {
  const sending = new Sending();
  sending.begin(Promise.reject(new Error('Kafka is away')));
  await expect(sending.done()).rejects.toThrow('Kafka is away');
  expect(() => sending.check()).toThrow('Kafka is away');
});
