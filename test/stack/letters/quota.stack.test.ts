import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { adminOf } from '../way/records.ts';
import { type Letters, openLetters } from './replaying.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 }); // Many processes, one after the other.

let letters: Letters;
const topic = 'dlq.deliver-postgres';

beforeAll(async () => {
  letters = await openLetters((raw) => {
    raw['letters'] = { mostLetters: 3 };
  });
  await letters.drain('capture', 'govern', 'deliver-postgres');
  await letters.inMirror(
    `ALTER TABLE ${letters.way.name}.marks ADD CONSTRAINT few CHECK (n < 666)`,
  );
});

afterAll(async () => {
  await setLimit(`${32 * 1024 * 1024}`);
  await letters?.[Symbol.asyncDispose]();
});

/** The largest record that the topic takes. */
async function setLimit(value: string): Promise<void> {
  await using admin = await adminOf(letters.way.stack);
  const configEntries = [
    { name: 'max.message.bytes', value },
    { name: 'retention.ms', value: `${14 * 86_400_000}` },
  ];
  const resources = [{ type: 2, name: topic, configEntries }];
  await admin.alterConfigs({ validateOnly: false, resources });
}

const soon = { timeout: 90_000, interval: 250 };

const rows = async () => (await letters.mirrored('marks')).map(({ id }) => Number(id));

const feed = async (...values: readonly string[]) => {
  await letters.way.commit(`INSERT INTO marks VALUES ${values.join(', ')}`);
  await letters.drain('capture', 'govern');
};

test('a full quota stops the pipeline with its position unconfirmed; it goes on by itself once room is made', async () => {
  await feed('(1, 7, 666)', '(2, 7, 666)', '(3, 7, 666)');
  await letters.drain('deliver-postgres');
  await feed('(4, 7, 666)');
  await using worker = letters.way.start(['run', 'deliver-postgres'], letters.configFile);
  const url = await worker.running();
  await vi.waitFor(() => expect(worker.stderr).toContain('its quota of 3 letters'), soon);
  expect(worker.stderr).toContain('conductor dlq stats');
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/conductor_letters_used_ratio\{pipeline="deliver-postgres"\} 1\b/);
  expect((await letters.list('marks')).length).toBe(3);
  await feed('(5, 7, 5)');
  const keyHash = await letters.hashOf('{"id":1}');
  await letters.waive({ table: `${letters.way.name}.marks`, keyHash });
  await vi.waitFor(async () => expect(await rows()).toEqual([5]), soon);
  await vi.waitFor(async () => expect((await letters.list('marks')).length).toBe(3), soon);
});

test('a topic of letters that takes none stops the pipeline, and nothing is lost', async () => {
  await letters.waive({ table: `${letters.way.name}.marks` });
  await setLimit('100');
  await feed('(6, 7, 666)', '(7, 7, 7)');
  await using worker = letters.way.start(['run', 'deliver-postgres'], letters.configFile);
  const url = await worker.running();
  const retried = /conductor_retries_total\{pipeline="deliver-postgres"\} [1-9]/;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await vi.waitFor(async () => expect(await metrics()).toMatch(retried), soon);
  expect(await letters.list('marks')).toEqual([]);
  await setLimit(`${32 * 1024 * 1024}`);
  await vi.waitFor(async () => expect((await letters.list('marks')).length).toBe(1), soon);
  expect(await rows()).toEqual([5, 7]);
});
