import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Carried } from './carried.ts';
import { capturing } from './captured.ts';
import { contracts, type Form, forms, type History, history, messagesOf } from './histories.ts';

/** What became of a history: each lane's records in their order, to the byte, and the letters. */
async function became(told: History, form?: Form) {
  const { take, made, transactions } = await capturing({ contracts });
  await take(...messagesOf(told, form));
  const { carried, letters } = made();
  const lanes = Map.groupBy(carried, ({ topic, lane }) => `${topic}/${lane}`);
  const lane = (records: readonly Carried[]) =>
    records.map(({ key, value }) => `${key} ${value.toString('hex')}`);
  return {
    lanes: Object.fromEntries([...lanes].map(([name, records]) => [name, lane(records)])),
    letters,
    watermark: transactions.watermark,
    prepared: transactions.oldestPrepared(1_000_000n),
  };
}

test('transactions become the same, to the byte, in whatever forms and blocks they are sent', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (told) => {
      expect(await became(told)).toEqual(await became(told, 'whole'));
    }),
    { numRuns: 300 },
  );
});

for (const form of forms)
  test(`the histories tried have transactions ${form} that are committed, and that have changes`, () => {
    const some = fc.sample(history, 300).flatMap(({ transactions }) => transactions);
    const found = some.filter((each) => each.form === form && each.ends === 'committed');
    expect(found.filter(({ steps }) => steps.length > 2).length).toBeGreaterThan(10);
  });
