import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type * as Testcontainers from 'testcontainers';
import { StackTrouble } from './stack-trouble.ts';
import { images } from './images.ts';
import { locked } from './lock.ts';
import type { NativePart } from './native-part.ts';
import { native } from './native-parts.ts';
import { freePorts } from './ports.ts';
import { newRecord, readRecord, type StackRecord, writeRecord } from './record.ts';
import { type Part, parts, type PartStatus, type Provider } from './stack.ts';

/** The stack as containers; its addresses and passwords in `home`, its data in named volumes. */
export function containerStack(home: string): Provider {
  const folder = resolve(home);
  const file = join(folder, 'stack.json');
  const alone = <T>(work: () => Promise<T>) =>
    locked(join(folder, 'stack.lock'), { patienceMs: 600_000, onWait: () => undefined }, work);

  return {
    async up(report) {
      const client = await connect();
      return alone(async () => {
        const record = (await readRecord(file)) ?? newRecord(await choosePorts());
        refuseNative(record);
        await writeRecord(file, record);
        await Promise.all(
          parts.map(async (part) => {
            if (!(await revive(client, nameOf(folder, part)))) await create(folder, part, record);
            await untilReady(native[part], record);
            report(`${part} ready on port ${record.parts[part].ports[0]}`);
          }),
        );
        return record.stack;
      });
    },

    async status() {
      const client = await connect();
      const record = await readRecord(file);
      return Promise.all(parts.map((part) => statusOf(client, folder, part, record)));
    },

    async down({ wipe }) {
      const client = await connect();
      await alone(async () => {
        await Promise.all(parts.map((part) => stop(client, nameOf(folder, part), wipe)));
        if (wipe) await rm(file, { force: true });
      });
    },
  };
}

async function connect(): Promise<Testcontainers.ContainerRuntimeClient> {
  const { getContainerRuntimeClient } = await load();
  try {
    return await getContainerRuntimeClient();
  } catch (cause) {
    throw new StackTrouble(
      'no Docker engine answers; start Docker, or run the stack without it: conductor up --provider native',
      { cause },
    );
  }
}

async function load(): Promise<typeof Testcontainers> {
  try {
    return await import('testcontainers');
  } catch (cause) {
    throw new StackTrouble(
      'the package testcontainers is not installed; install it with: npm install testcontainers',
      { cause },
    );
  }
}

function nameOf(home: string, part: Part): string {
  return `conductor-${createHash('sha256').update(home).digest('hex').slice(0, 8)}-${part}`;
}

/** Starts a container that is there already; false if there is none. */
async function revive(
  client: Testcontainers.ContainerRuntimeClient,
  name: string,
): Promise<boolean> {
  const info = await find(client, name);
  if (!info) return false;
  if (info.State !== 'running') await client.container.start(client.container.getById(info.Id));
  return true;
}

async function create(home: string, part: Part, record: StackRecord): Promise<void> {
  const { GenericContainer, Wait } = await load();
  const image = images[part];
  const host = record.parts[part].ports[0] ?? 0;
  const name = nameOf(home, part);
  const container = new GenericContainer(image.name)
    .withName(name)
    // It outlives the command that started it.
    .withAutoCleanup(false)
    .withEnvironment({ ...image.environment(record.stack, host) })
    .withExposedPorts({ container: image.port, host })
    .withBindMounts([{ source: name, target: image.data, mode: 'rw' }])
    .withWaitStrategy(Wait.forListeningPorts())
    .withStartupTimeout(native[part].patienceMs);
  if (image.command.length > 0) container.withCommand([...image.command]);
  if (image.user) container.withUser(image.user);
  await container.start();
}

async function untilReady(part: NativePart, record: StackRecord): Promise<void> {
  const deadline = Date.now() + part.patienceMs;
  for (;;) {
    try {
      return await part.answers(record.stack);
    } catch (cause) {
      if (Date.now() > deadline) {
        const seconds = part.patienceMs / 1000;
        throw new StackTrouble(
          `${part.part} did not answer within ${seconds} s; look at: docker logs`,
          { cause },
        );
      }
      await pause(200);
    }
  }
}

async function statusOf(
  client: Testcontainers.ContainerRuntimeClient,
  home: string,
  part: Part,
  record: StackRecord | null,
): Promise<PartStatus> {
  const info = await find(client, nameOf(home, part));
  const port = record?.parts[part].ports[0] ?? null;
  if (!info || !record || port === null) {
    return { part, state: 'stopped', pid: null, port, memoryMb: null };
  }
  if (info.State !== 'running') return { part, state: 'dead', pid: null, port, memoryMb: null };
  const answers = await native[part].answers(record.stack).then(
    () => true,
    () => false,
  );
  return { part, state: answers ? 'running' : 'starting', pid: null, port, memoryMb: null };
}

async function stop(
  client: Testcontainers.ContainerRuntimeClient,
  name: string,
  wipe: boolean,
): Promise<void> {
  const info = await find(client, name);
  if (info) {
    const container = client.container.getById(info.Id);
    if (info.State === 'running') await client.container.stop(container, { timeout: 20 });
    await client.container.remove(container, { removeVolumes: wipe });
  }
  if (wipe) await client.container.dockerode.getVolume(name).remove({ force: true });
}

async function find(client: Testcontainers.ContainerRuntimeClient, name: string) {
  return (await client.container.list()).find(({ Names }) => Names.includes(`/${name}`));
}

function refuseNative(record: StackRecord): void {
  if (parts.every((part) => record.parts[part].process === null)) return;
  throw new StackTrouble('this home runs a native stack; stop it first with: conductor down');
}

async function choosePorts(): Promise<Readonly<Record<Part, readonly number[]>>> {
  const [postgres = 0, kafka = 0, registry = 0, neo4j = 0, clickhouse = 0] = await freePorts(
    parts.length,
    new Set(),
  );
  return {
    postgres: [postgres],
    kafka: [kafka],
    registry: [registry],
    neo4j: [neo4j],
    clickhouse: [clickhouse],
  };
}
