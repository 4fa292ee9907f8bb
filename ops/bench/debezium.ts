import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { StackTrouble } from '../stack/stack-trouble.ts';
import { freePorts } from '../stack/ports.ts';
import { type CaptureConfig, sourceDatabase } from './capture-config.ts';
import { debeziumVersion } from './debezium-dist.ts';
import { type Figures, rounded } from './figures.ts';
import { expectRows, growthOf, rateOf } from './growth.ts';
import { MeasuredProcess } from './measured-process.ts';
import { ordersTable } from './orders.ts';
import type { Site } from './site.ts';

/** Debezium Server, as it is found and started. */
export interface Debezium {
  readonly java: string;
  readonly dist: string;
}

const prefix = 'debezium';

/** Lets Debezium Server write what waits in a slot to Kafka, and ends it once all rows are there. */
export async function runDebezium(
  site: Site,
  debezium: Debezium,
  {
    config,
    slot,
    rows,
  }: { readonly config: CaptureConfig; readonly slot: string; readonly rows: number },
): Promise<Figures> {
  const topics = config.topics.map(({ partitions }) => ({
    topic: `${prefix}.${ordersTable}`,
    partitions,
  }));
  const kafka = { clientId: 'bench', bootstrapBrokers: [...site.stack.kafka.brokers] };
  await ensureTopics(
    kafka,
    topics.map(({ topic, partitions }) => ({ name: topic, partitions, configs: {} })),
    1,
  );
  const stop = new AbortController();
  const signal = AbortSignal.any([site.signal, stop.signal]);
  await using server = await start(site, debezium, { config, slot });
  try {
    const growing = growthOf(site, topics, rows, { signal });
    const growth = await Promise.race([growing, server.fell()]);
    const ended = await server.stop('SIGKILL');
    await expectRows(site, topics, rows, 'allowed');
    return rounded({
      rows_per_s: rateOf(growth),
      wall_s: ended.wallS,
      cpu_s: ended.cpuS,
      machine_cpu_s: ended.machineCpuS,
      peak_rss_mb: ended.peakRssMb,
    });
  } finally {
    stop.abort();
  }
}

async function start(
  site: Site,
  { java, dist }: Debezium,
  { config, slot }: { readonly config: CaptureConfig; readonly slot: string },
): Promise<MeasuredProcess> {
  const cwd = join(site.home, 'debezium');
  await mkdir(join(cwd, 'config'), { recursive: true });
  await mkdir(join(cwd, 'data'));
  const [port = 0] = await freePorts(1, new Set());
  const settings = debeziumSettings(site, { ...config, slot, port });
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(cwd, 'config', 'application.properties'), lines.join(''), { mode: 0o600 });
  const runner = (await readdir(dist)).find((name) => name.endsWith('-runner.jar'));
  if (!runner)
    throw new StackTrouble(
      `${dist} is not Debezium Server ${debeziumVersion}; remove it, and run again`,
    );
  return new MeasuredProcess(site, {
    name: 'debezium',
    command: java,
    // What its run.sh does, without a shell between it and its figures.
    args: [
      '-Xmx1g',
      '-cp',
      `${join(dist, runner)}:${join(dist, 'lib')}/*`,
      'io.debezium.server.Main',
    ],
    cwd,
  });
}

/** Tuned: larger batches and queues than its defaults, lz4, keys and values without their schemas. */
function debeziumSettings(
  { stack: { postgres, kafka } }: Site,
  {
    publication,
    slot,
    port,
  }: { readonly publication: string; readonly slot: string; readonly port: number },
): Readonly<Record<string, string | number | boolean>> {
  const text = 'org.apache.kafka.common.serialization.StringSerializer';
  return {
    'debezium.sink.type': 'kafka',
    'debezium.sink.kafka.producer.bootstrap.servers': kafka.brokers.join(','),
    'debezium.sink.kafka.producer.key.serializer': text,
    'debezium.sink.kafka.producer.value.serializer': text,
    'debezium.sink.kafka.producer.linger.ms': 5,
    'debezium.sink.kafka.producer.batch.size': 131_072,
    'debezium.sink.kafka.producer.compression.type': 'lz4',
    'debezium.source.connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'debezium.source.offset.storage': 'org.apache.kafka.connect.storage.FileOffsetBackingStore',
    'debezium.source.offset.storage.file.filename': 'data/offsets.dat',
    'debezium.source.offset.flush.interval.ms': 1_000,
    'debezium.source.database.hostname': postgres.host,
    'debezium.source.database.port': postgres.port,
    'debezium.source.database.user': postgres.user,
    'debezium.source.database.password': postgres.password,
    'debezium.source.database.dbname': sourceDatabase,
    'debezium.source.topic.prefix': prefix,
    'debezium.source.plugin.name': 'pgoutput',
    'debezium.source.slot.name': slot,
    'debezium.source.publication.name': publication,
    'debezium.source.publication.autocreate.mode': 'disabled',
    'debezium.source.table.include.list': ordersTable,
    'debezium.source.snapshot.mode': 'no_data',
    'debezium.source.max.batch.size': 8_192,
    'debezium.source.max.queue.size': 32_768,
    'debezium.format.key': 'json',
    'debezium.format.value': 'json',
    'debezium.format.key.schemas.enable': false,
    'debezium.format.value.schemas.enable': false,
    'quarkus.http.port': port,
    'quarkus.log.level': 'INFO',
    // Else it warns of every measurement that it drops.
    'quarkus.log.category."io.debezium.metrics".level': 'ERROR',
  };
}
