import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { heapFlags } from '../../../ops/worker/heap-flags.ts';
import { usageOf } from '../../../ops/bench/proc.ts';
import { kafkaPart } from '../../../ops/stack/kafka-part.ts';
import { keyRefOf, open } from '../../../schemas/sealed-box.ts';
import { lettersOf } from '../way/letters.ts';
import { type OwnServer, ownServer } from '../way/own-server.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const table: TestTable = {
  name: 'huge',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    'CREATE TABLE huge (id bigint PRIMARY KEY, content text, bytes bytea)',
    'ALTER TABLE huge ALTER content SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL',
  ],
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('content', 'text'),
    keep('bytes', 'bytea'),
  ],
};
const size = 100_000_000;
const mostMegabytes = 900;

let broker: OwnServer; // The letters of other tests are not read again and again with these.
let way: Way;

beforeAll(async () => {
  broker = await ownServer(kafkaPart);
  const { kafka } = await broker.start();
  way = await openWay([table], { kafka });
  await way.drain('capture');
});

afterAll(async () => {
  await way?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

/** The letters as whoever has the keyring opens them, by the row's id. */
async function opened(): Promise<ReadonlyMap<number, Buffer>> {
  await using keyring = await openKeyring(way.config.keyring);
  const chunks = await lettersOf(way, 'capture', way.name);
  const letters = Map.groupBy(chunks, ({ letter }) => String(letter['id']));
  const rows = [...letters.values()].map((parts) => {
    const { length } = parts;
    expect(
      parts.map(({ letter }) => [letter['chunk'], letter['chunks'], letter['reason']]),
    ).toEqual(parts.map((_, chunk) => [chunk, length, 'too-large']));
    const box = Buffer.concat(parts.map(({ letter }) => letter['sealed'] as Buffer));
    const found = keyring.find(keyRefOf(box)!);
    const payload = open(found.state === 'here' ? found.key : expect.fail('not our key'), box);
    const [, id] =
      /"after":\{"id":\["bigint","(\d)"\]/.exec(payload.toString('latin1', 0, 1_000)) ?? [];
    return [Number(id), payload] as const;
  });
  return new Map(rows);
}

test('rows of 100 MB are sealed letters in chunks, in bounded memory, and what is beside them goes on', async () => {
  const repeated = (text: string) => `repeat(E'${text}', ${size / 16})`;
  await way.commit("INSERT INTO huge VALUES (1, 'before')");
  await way.commit(`INSERT INTO huge VALUES (2, ${repeated('0123456789abcd"\\n')})`);
  await way.commit(`INSERT INTO huge VALUES (3, NULL, ${repeated('0123456789abcdef')}::bytea)`);
  await way.commit("INSERT INTO huge VALUES (4, 'after')");

  await using worker = way.start(['run', 'capture'], way.configFile, {}, heapFlags('capture'));
  const url = await worker.running();
  await vi.waitFor(
    async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toMatch(/^conductor_settled_total\{.*\} 4$/m);
    },
    { timeout: 60_000, interval: 100 },
  );
  expect(usageOf(worker.pid)?.peakRssMb).toBeLessThan(mostMegabytes);

  const letters = await opened();
  expect([...letters.keys()]).toEqual([2, 3]);
  const content = '0123456789abcd\\"\\n'.repeat(size / 16);
  const bytes = Buffer.from('0123456789abcdef')
    .toString('hex')
    .repeat(size / 16);
  expect(letters.get(2)?.indexOf(`"content":"${content}","bytes":null}}`)).toBeGreaterThan(0);
  expect(letters.get(3)?.indexOf(`"content":null,"bytes":"\\\\x${bytes}"}}`)).toBeGreaterThan(0);
});
