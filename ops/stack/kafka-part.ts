import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from './finished.ts';
import { fetchJars, packages } from './jars.ts';
import { findJava } from './java.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import type { Launch, NativePart } from './native-part.ts';

/** Kafka 4.1 in KRaft mode, broker and controller in one. */
export const kafkaPart: NativePart = {
  part: 'kafka',
  ports: 2,
  patienceMs: 90_000,
  stopping: [{ signal: 'SIGTERM', ms: 20_000 }],

  async prepare({ data, ports, report }): Promise<Launch> {
    const java = await findJava();
    const jars = await fetchJars(packages.kafka, report);
    await mkdir(data, { recursive: true });
    const config = join(data, 'server.properties');
    const logs = join(data, 'log');
    await writeFile(config, properties(logs, ports));
    const base = ['-cp', `${jars}/*`];
    if (!(await isFormatted(logs))) {
      const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
      const args = ['format', '--ignore-formatted', '-t', id, '-c', config];
      await finished({ command: java, args: [...base, 'kafka.tools.StorageTool', ...args] });
    }
    return {
      command: java,
      args: [
        '-Xms128m',
        '-Xmx512m',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        '-Dorg.slf4j.simpleLogger.showDateTime=true',
        ...base,
        'kafka.Kafka',
        config,
      ],
      env: {},
    };
  },

  answers: ({ kafka }) => kafkaAnswers(kafka.brokers[0] ?? ''),
};

/** The broker's configuration: one node, nothing created by accident. */
export function properties(logs: string, [broker, controller]: readonly number[]): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': logs,
    'num.partitions': 12,
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 12,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 12,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // Its default takes a quarter of so small a heap.
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

async function isFormatted(logs: string): Promise<boolean> {
  return access(join(logs, 'meta.properties')).then(
    () => true,
    () => false,
  );
}
