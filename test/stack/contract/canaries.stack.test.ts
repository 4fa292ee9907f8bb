import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { governedTopic } from '../../../contracts/topics.ts';
import { clientOf } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';

const canaries = {
  name: 'Canary Quetzal-81f2',
  email: 'canary.81f2@quetzal.example',
  phone: '+49 30 81f2-5550001',
};
const values = Object.values(canaries);

let way: Way;
let file: string;

beforeAll(async () => {
  way = await openWay();
  file = join(way.folder, 'canaries.yaml');
  await writeFile(
    file,
    Object.entries(canaries).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`),
  );
  await chmod(file, 0o600);
  const { name, email, phone } = canaries;
  await way.commit(
    `INSERT INTO people SELECT n, 1, n, '${name}', '${email}', '${phone}', 'fine', 'long' FROM generate_series(1, 50) n`,
    `UPDATE people SET mood = 'better' WHERE id < 20`,
    'DELETE FROM people WHERE id = 7',
  );
  await way.drain();
});

afterAll(() => way[Symbol.asyncDispose]());

const scan = async (...args: readonly string[]) => {
  const ended = await way.start(['scan', 'canaries', '--canaries', file, ...args]).ended;
  expectNoCanary(ended.stdout + ended.stderr);
  return ended;
};

const expectNoCanary = (text: string) =>
  expect(values.filter((value) => text.includes(value))).toEqual([]);

/** As whoever forgot to seal it would. */
async function leak(value: string): Promise<string> {
  const topic = governedTopic(way.name, `${way.name}.people`);
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  const sent = await producer.send({ topic, messages: [{ partition: 0, value }] });
  await producer.disconnect();
  return `${topic}, partition 0, offset ${sent[0]!.baseOffset}`;
}

test('what is planted in confidential columns stands nowhere in the clear, and where it does it is found', async () => {
  const clean = await scan('--json');
  expect(clean.code, clean.stdout).toBe(0);
  const { records, count, complete } = JSON.parse(clean.stdout) as Record<string, number>;
  expect({ count, complete }).toEqual({ count: 0, complete: true });
  expect(records).toBeGreaterThan(140); // Captured and governed.

  await using watch = way.start(['scan', 'canaries', '--canaries', file, '--watch']);
  const url = await watch.running();
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await vi.waitFor(async () => expect(await metrics()).toMatch(/scan_ended_seconds [1-9]/), 30_000);
  expect(await metrics()).toContain('conductor_canary_sighted_total{canary="email"} 0');

  const plain = await leak(`{"email":"${canaries.email}"}`);
  const hidden = await leak(Buffer.from(`x${canaries.phone}`).toString('base64'));
  const found = await scan();
  expect(found.code).toBe(3);
  expect(found.stdout).toContain(`canary email: in the value of ${plain}\n`);
  expect(found.stdout).toContain(`canary phone: in the value of ${hidden}\n`);
  expect(found.stdout).toMatch(/^2 sightings of 3 canaries in \d+ records of \d+ topics$/m);

  await vi.waitFor(
    async () =>
      expect(await metrics()).toContain('conductor_canary_sighted_total{canary="phone"} 1'),
    30_000,
  );
  watch.kill('SIGTERM');
  const ended = await watch.ended;
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('a canary stands in a record in the clear');
  expectNoCanary(ended.stdout + ended.stderr);
});
