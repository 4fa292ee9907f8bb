import { expect, test } from 'vitest';
import { registryAt } from '../../../contracts/registry.ts';
import { SegmentSource } from '../../../pipelines/prove/segment-source.ts';
import { nothingProved } from '../../../processors/segment-builder.ts';

const topic = 'gov.shop.public.orders';
const stream = { stream: 'pg.orders', database: 'shop', topic };

/** Reads where so much is proved of two partitions, and the topic ends so. */
async function read(proved: readonly number[], ends: readonly bigint[]) {
  const waiting: number[] = [];
  const head = { ...nothingProved(new Map(proved.entries())), number: 7, digest: '', topic };
  await using source = new SegmentSource({
    kafka: { clientId: 'a-test', bootstrapBrokers: ['127.0.0.1:1'], requestTimeout: 1_000 },
    registry: registryAt('http://127.0.0.1:1'),
    streams: [stream],
    everySeconds: 60,
    frontier: {
      look: async () => ({
        limit: null,
        watermark: 1,
        ends: new Map([[topic, ends]]),
        isLast: true,
      }),
    },
    heads: new Map([[stream.stream, head]]),
    behind: (_, records) => void waiting.push(records),
  });
  const { signal } = new AbortController();
  for await (const delivery of source.read({ signal, revoked: () => {}, quiet: async () => {} }))
    throw new Error(`${delivery.values.length} segments of a topic that nobody has`);
  return waiting;
}

test('a topic that ends where it is proved has nothing that waits', async () => {
  expect(await read([5, 9], [5n, 9n])).toEqual([0]);
});

test('a topic that ends before what is proved of it was made anew: nothing is left out in silence', async () => {
  await expect(read([5, 9], [5n, 2n])).rejects.toThrow(
    /gov.shop.public.orders\/1 was proved up to offset 9, and ends at 2/,
  );
  await expect(read([5, 9], [50n, 2n])).rejects.toThrow(/made anew, or lost records/);
});
