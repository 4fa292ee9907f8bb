import type { CaptureConfig } from './capture-config.ts';
import { workerProcess } from './capture-process.ts';
import type { Counted } from './end-offsets.ts';
import { type Figures, rounded } from './figures.ts';
import { expectRows, growthOf, rateOf, recordsIn } from './growth.ts';
import type { MeasuredProcess } from './measured-process.ts';
import type { Site } from './site.ts';

/** What it took a pipeline to write `rows` that wait for it, from its start to its end by itself. */
export function emptied(
  site: Site,
  config: CaptureConfig,
  rows: number,
  pipeline: 'capture' | 'govern' = 'capture',
): Promise<Figures> {
  const topics = pipeline === 'capture' ? config.topics : config.governed;
  return written(site, topics, rows, () =>
    workerProcess(site, config, pipeline, { untilCurrent: true }),
  );
}

/** What it took a process to add exactly `rows` to topics, and to end by itself. */
export async function written(
  site: Site,
  topics: readonly Counted[],
  rows: number,
  start: () => MeasuredProcess,
): Promise<Figures> {
  const stop = new AbortController();
  const signal = AbortSignal.any([site.signal, stop.signal]);
  const before = await recordsIn(site, topics);
  const growing = growthOf(site, topics, rows, { signal });
  growing.catch(() => {}); // If the process ends otherwise, that is what is told.
  try {
    await using working = start();
    const ended = await Promise.race([working.done(), growing.then(() => working.done())]);
    await expectRows(site, topics, before + rows);
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
