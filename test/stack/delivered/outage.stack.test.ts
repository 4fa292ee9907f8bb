import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { printSeed } from '../capture/seed.ts';
import { type Proxy, proxyTo } from '../way/proxy.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let proxy: Proxy;

beforeAll(async () => {
  printSeed();
  way = await openWay(testTables.filter(({ name }) => name === 'marks'));
  await way.commit(`INSERT INTO marks SELECT n, 1, n FROM generate_series(1, 50) n`);
  await way.drain();
  const { host, port } = way.stack.postgres;
  proxy = await proxyTo(host, port);
}, 180_000);

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

test('a sink that is gone is told to have never been verified, keeps no other from it, and is verified once it is back', async () => {
  const file = await way.variant(({ sinks }) => {
    sinks.postgres['url'] = way.urls.mirror.replace(/:\d+(?=\/)/, `:${proxy.port}`);
  });
  await proxy.cut();
  const worker = way.start(['run', 'verify'], file);
  const metric = async (name: string): Promise<Readonly<Record<string, number>>> => {
    const [, health] = /"health":"([^"]+)"/.exec(worker.stderr) ?? [];
    const text = await (await fetch(`${health}/metrics`)).text();
    const lines = text.matchAll(new RegExp(`^${name}\\{\\w+="(\\w+)".*\\} (\\S+)$`, 'gm'));
    return Object.fromEntries([...lines].map(([, label, value]) => [label, Number(value)]));
  };
  const verified = () => metric('conductor_delivery_verified_timestamp_seconds');
  const whenever = expect.toSatisfy((at: number) => at > 1e9) as unknown;
  await vi.waitFor(
    async () =>
      expect(await verified(), worker.stderr).toEqual({
        postgres: 0,
        neo4j: whenever,
        clickhouse: whenever,
      }),
    { timeout: 30_000, interval: 100 },
  );
  await vi.waitFor(async () => expect(await metric('conductor_running')).toEqual({ verify: 0 }));
  expect((await metric('conductor_retries_total'))['verify']).toBeGreaterThan(0);
  await proxy.resume();
  await vi.waitFor(
    async () => {
      expect((await verified())['postgres']).toEqual(whenever);
      expect(await metric('conductor_running')).toEqual({ verify: 1 });
    },
    { timeout: 60_000, interval: 100 },
  );
}, 120_000);

test('a batch of it ends once the sink is back and verified', async () => {
  const file = await way.variant(({ sinks }) => {
    sinks.postgres['url'] = way.urls.mirror.replace(/:\d+(?=\/)/, `:${proxy.port}`);
  });
  await proxy.cut();
  const batch = way.start(['run', 'verify', '--until-current'], file);
  await vi.waitFor(() => expect(batch.stderr).toContain('trying again'), { timeout: 30_000 });
  await proxy.resume();
  const { code, stderr } = await batch.ended;
  expect(code, stderr).toBe(0);
  const told = stderr.match(/"sink":"(\w+)"[^\n]*what rests is what was governed/g) ?? [];
  expect(told).toHaveLength(3);
}, 120_000);
