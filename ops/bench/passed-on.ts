import type { CaptureConfig } from './capture-config.ts';
import { written } from './emptied.ts';
import type { Figures } from './figures.ts';
import { MeasuredProcess } from './measured-process.ts';
import { processFile } from './reading.ts';
import type { Site } from './site.ts';

/** What it took to carry what was captured to a new topic as it is, over the ends that govern has. */
export async function passedOn(
  site: Site,
  { name, topics }: CaptureConfig,
  rows: number,
  run: number,
): Promise<Figures> {
  const [from] = topics;
  if (!from) throw new TypeError('a capture without a table');
  const to = { topic: `pass.${name}.${run}`, partitions: from.partitions };
  const command = {
    name: 'pass',
    command: process.execPath,
    args: [
      processFile('pass'),
      `--broker=${site.stack.kafka.brokers[0]}`,
      `--from=${from.topic}`,
      `--to=${to.topic}`,
      `--partitions=${to.partitions}`,
    ],
  };
  return written(site, [to], rows, () => new MeasuredProcess(site, command));
}
