import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { CaptureConfig } from './capture-config.ts';
import { apiProcess } from './capture-process.ts';
import { type Figures, rounded } from './figures.ts';
import { MeasuredProcess } from './measured-process.ts';
import { spread } from './percentile.ts';
import { processFile } from './reading.ts';
import type { Site } from './site.ts';

export interface Door {
  readonly url: string;
  readonly key: string;
}

const answer = z.object({
  accepted: z.number(),
  seconds: z.number(),
  latencies: z.array(z.number()).min(1),
});
const seconds = 15;
const warmSeconds = 3; // A host that has just begun compiles its code.
const perSecond = 22_000;

/** How many events a second POST /v1/usage takes, in batches of 200, and how long it takes to say that Kafka holds them. */
export async function throughDoor(
  site: Site,
  config: CaptureConfig,
  { url, key }: Door,
): Promise<Figures> {
  await using host = apiProcess(site, config);
  await Promise.race([untilHealthy(site, url), host.fell()]);
  const post = async (forSeconds: number) => {
    const flags = { url, key, seconds: forSeconds, perSecond };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    await using sending = new MeasuredProcess(site, {
      name: 'usage-post',
      command: process.execPath,
      args: [processFile('usage-post'), ...args],
    });
    const ended = await Promise.race([sending.done(), host.fell()]);
    return answer.parse(JSON.parse(ended.said));
  };
  await post(warmSeconds);
  const { accepted, seconds: took, latencies } = await post(seconds);
  const { cpuS, peakRssMb } = await host.stop('SIGTERM');
  return rounded({
    rows_per_s: accepted / took,
    cpu_s: cpuS,
    peak_rss_mb: peakRssMb,
    ...spread(latencies),
  });
}

async function untilHealthy({ signal }: Site, url: string): Promise<void> {
  for (;;) {
    const is = await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (is) return;
    await wait(100, undefined, { signal });
  }
}
