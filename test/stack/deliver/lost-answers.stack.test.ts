import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type SinkName } from '../../../ops/worker/sink-names.ts';
import { type Proxy, proxyTo } from '../way/proxy.ts';
import { openWay, type Way } from '../way/way.ts';
import { oneSink, runs } from './one-sink.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain();
  const flow = way.start(['run', 'capture', 'govern']);
  await runs(flow);
}, 400_000);

afterAll(() => way?.[Symbol.asyncDispose]());

/** What a server says once a write is durable. */
const answers: readonly (readonly [SinkName, string])[] = [
  ['postgres', 'COMMIT'],
  ['neo4j', 'bookmark'],
  ['clickhouse', 'HTTP/1.1 200'],
];

test.for(answers)(
  '%s: a write whose answer is lost is done again, and stands there once',
  { timeout: 400_000 },
  async ([name, said]) => {
    const sink = await oneSink(way, name);
    const { postgres, neo4j, clickhouse } = way.stack;
    const server = {
      postgres: `pg://${postgres.host}:${postgres.port}`,
      neo4j: neo4j.url,
      clickhouse: clickhouse.url,
    }[name];
    const { hostname, port } = new URL(server);
    let left = 0;
    let lost = 0;
    let proxy: Proxy | null = null;
    proxy = await proxyTo(hostname, Number(port), (chunk) => {
      if (left === 0 || !chunk.includes(said)) return chunk;
      left--;
      lost++;
      void proxy?.cut().then(() => proxy?.resume());
      return Buffer.alloc(0);
    });
    await using _ = proxy;
    const at = proxy.port;
    const through = (address: unknown) => String(address).replace(/:\d+(?=\/|$)/, `:${at}`);
    const file = await sink.variant((raw) => {
      const own: Record<string, unknown> = raw.sinks[name];
      own['url'] = through(own['url']);
    });
    await using worker = sink.start({}, file);
    await runs(worker);
    await sink.feed(50);
    await sink.equal();
    for (let round = 1; round <= 3; round++) {
      left = 1;
      await sink.feed(200);
      await vi.waitFor(() => expect(lost).toBe(round), { timeout: 60_000 });
      await sink.equal();
    }
    expect(worker.stderr).toContain('lost a server; trying again');
    await runs(worker);
  },
);
