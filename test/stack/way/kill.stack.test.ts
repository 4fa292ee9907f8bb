import { afterAll, beforeAll, expect, test } from 'vitest';
import { killWorkers, printKilled, survived } from '../../../ops/chaos/kill.ts';
import { pipelinesNamed } from '../../../ops/worker/pipelines.ts';
import { openShop } from './shop.ts';
import { verifiedEqual } from './verified-equal.ts';
import type { Way } from './way.ts';

let way: Way;

beforeAll(async () => {
  way = await openShop();
});

afterAll(() => way?.[Symbol.asyncDispose]());

test('kill -9 of workers under load loses no row and doubles none, in any sink', async () => {
  const said: string[] = [];
  const { folder: home, configFile, config, contracts, urls } = way;
  const killed = await killWorkers(
    { home, configFile, config, contracts, shopUrl: urls.source },
    {
      seed: 4, // Kills govern, capture, and two that deliver.
      kills: 4,
      changesPerMinute: 60_000,
      victims: [
        'capture',
        'govern',
        ...(pipelinesNamed('deliver', config, contracts.values()) ?? []),
      ],
    },
    (line) => said.push(line),
  );
  printKilled(killed, (line) => said.push(line));
  expect(survived(killed), said.join('\n')).toBe(true);
  await verifiedEqual(way);
  expect(killed.changes).toBeGreaterThan(3_000);
  expect(killed.released).toBeGreaterThanOrEqual(killed.changes);
  const victims = killed.kills.map(({ pipeline }) => pipeline);
  expect(victims).toEqual(expect.arrayContaining(['capture', 'govern']));
});
