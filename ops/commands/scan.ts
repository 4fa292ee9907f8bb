import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { from } from 'rxjs';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { readCanaries } from '../canaries/canary-file.ts';
import { canaryMetrics } from '../canaries/canary-metrics.ts';
import { Scan, type Told } from '../canaries/scan.ts';
import { type Sighting, Watchman } from '../canaries/watchman.ts';
import { log } from '../log.ts';
import { Metrics } from '../worker/counters.ts';
import { serveHealth } from '../worker/health.ts';
import { keepRunning } from '../worker/keep-running.ts';
import { leave, stopping } from '../worker/stopping.ts';
import { configFile, configOption } from './config-file.ts';

interface Flags {
  readonly config?: string;
  readonly canaries: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

const pipeline = 'scan-canaries';

/** Adds `conductor scan`. */
export function scanCommands(program: Command): void {
  const scan = program.command('scan').summary('look for what must not be in topics');
  scan
    .command('canaries')
    .summary('whether a planted value stands in a topic in the clear')
    .description(
      'Reads every record of the topics cdc, gov, anon, dp, dlq, retry, control, usage and provenance, and looks in keys, headers and values for canaries: values that you have planted in confidential columns of the source. Exits 3 if one is found, and tells its name and place, never its value.',
    )
    .requiredOption('--canaries <file>', 'name: value in YAML, readable by nobody else (chmod 600)')
    .addOption(configOption())
    .option('--watch', 'go on with what comes, with /metrics and /healthz, until told to stop')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  conductor scan canaries --canaries canaries.yaml
  conductor scan canaries --canaries canaries.yaml --watch

A canary is found in UTF-8, UTF-16, lower or upper case, JSON, hex, base64 and percent-encoding, and in Avro
strings. It must be a text of 8 bytes or more that stands nowhere else: numbers, dates and compressed texts are not
looked into. The scan needs the values themselves, and has them in memory only: whoever reads the file knows what to
hide, so keep it off the machines that are watched.`,
    )
    .action((flags: Flags) => scanCanaries(flags).finally(leave));
}

async function scanCanaries({ config: named, canaries: path, watch, json }: Flags): Promise<void> {
  const config = await loadConfig(await configFile(named));
  const canaries = await readCanaries(path);
  const names = canaries.map(({ name }) => name);
  const scan = new Scan(kafkaOptions(config, pipeline), config, new Watchman(canaries));
  const sightings = watch ? await watched(scan, config, names) : await once(scan, names, json);
  if (sightings > 0) process.exitCode = 3;
}

const mostTold = 1_000;

/** Tells of every sighting; of very many, where the first were. */
async function once(
  scan: Scan,
  canaries: readonly string[],
  json: boolean | undefined,
): Promise<number> {
  const signal = stopping();
  const found: Sighting[] = [];
  let count = 0;
  const told: Told = {
    sighted: (sighting) => {
      if (count++ < mostTold) found.push(sighting);
    },
    scanned: () => {},
  };
  const { topics, records, missed } = await scan.round(told, signal);
  const complete = !signal.aborted && missed === 0;
  if (!complete) process.exitCode = 1;
  if (json) {
    print(JSON.stringify({ complete, topics, records, canaries, count, sightings: found }));
    return count;
  }
  for (const sighting of found) print(placeOf(sighting));
  const end = complete ? '' : ', and not all of them: it was stopped, or retention was faster';
  print(
    `${count} sightings of ${canaries.length} canaries in ${records} records of ${topics} topics${end}`,
  );
  return count;
}

const placeOf = ({ canary, topic, partition, offset, part }: Sighting): string =>
  `canary ${canary}: in the ${part} of ${topic}, partition ${partition}, offset ${offset}`;

const restMs = 1_000;

/** Round after round, an outage waited out; what was looked at is not looked at again. */
async function watched(scan: Scan, config: Config, canaries: readonly string[]): Promise<number> {
  const metrics = new Metrics();
  const counters = metrics.of(pipeline);
  const own = canaryMetrics(metrics.registry, canaries);
  await using health = await serveHealth(metrics, config.worker);
  const signal = stopping();
  log.info({ pipelines: [pipeline], health: health.url }, 'started');
  let count = 0;
  const told: Told = {
    ...own,
    sighted: (sighting) => {
      count++;
      own.sighted(sighting);
      log.error({ ...sighting }, 'a canary stands in a record in the clear');
    },
  };
  const rounds = async function* (stop: AbortSignal) {
    while (!stop.aborted) {
      const { records, missed } = await scan.round(told, stop);
      if (!stop.aborted) own.ended(missed);
      yield records;
      await wait(restMs, undefined, { signal: stop }).catch(() => {});
    }
  };
  const opened = async () => ({
    run: (stop: AbortSignal) => from(rounds(stop)),
    async [Symbol.asyncDispose]() {},
  });
  await keepRunning(opened, counters, signal);
  log.info({ pipelines: [pipeline], sightings: count }, 'done');
  return count;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
