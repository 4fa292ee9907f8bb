import type { CaptureConfig } from './capture-config.ts';
import { captureProcess } from './capture-process.ts';
import { type Figures, rounded } from './figures.ts';
import { expectRows, growthOf, rateOf, recordsIn } from './growth.ts';
import type { Site } from './site.ts';

/** What it took capture to write `rows` that wait for it, from its start to its end by itself. */
export async function emptied(site: Site, config: CaptureConfig, rows: number): Promise<Figures> {
  const stop = new AbortController();
  const signal = AbortSignal.any([site.signal, stop.signal]);
  const before = await recordsIn(site, config.topics);
  const growing = growthOf(site, config.topics, rows, { signal });
  growing.catch(() => {}); // If capture ends otherwise, that is what is told.
  try {
    await using capture = captureProcess(site, config, { untilCurrent: true });
    const ended = await Promise.race([capture.done(), growing.then(() => capture.done())]);
    await expectRows(site, config.topics, before + rows);
    return rounded({
      rows_per_s: rateOf(await growing),
      wall_s: ended.wallS,
      cpu_s: ended.cpuS,
      machine_cpu_s: ended.machineCpuS,
      peak_rss_mb: ended.peakRssMb,
    });
  } finally {
    stop.abort();
  }
}
