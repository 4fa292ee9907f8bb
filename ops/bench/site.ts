import { mkdir, rename, rm } from 'node:fs/promises';
import { loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Aside, aside } from './aside.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { openBook } from '../stack/book.ts';
import { start } from '../stack/life.ts';
import { locked } from '../stack/lock.ts';
import { native } from '../stack/native-parts.ts';
import { nativeStack } from '../stack/native.ts';
import type { NativePart } from '../stack/native-part.ts';
import { freePorts } from '../stack/ports.ts';
import { newRecord } from '../stack/record.ts';
import type { Stack } from '../stack/stack.ts';

/** Where a benchmark runs: servers that nobody else uses, and a folder. */
export interface Site {
  readonly home: string;
  readonly stack: Stack;
  readonly loadBefore: number;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  readonly postgresUrl: (database: string) => string;
  /** Where the broker and capture give way to the source; null where they do not. */
  readonly aside: Aside | null;
}

const unwindingMs = 5_000;

type PostgresSettings = Readonly<Record<string, string>>;

interface Wanted {
  readonly home: string;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  readonly postgres: PostgresSettings; // Besides those of every site.
  /** Whether the broker and capture give way to all others. */
  readonly isAside?: boolean;
  /** Which servers run besides PostgreSQL, Kafka and the registry. */
  readonly also?: readonly Also[];
}

type Also = 'neo4j' | 'clickhouse';

/**
 * Does the work on a fresh PostgreSQL, Kafka and registry, or more, and takes them down whatever comes of it.
 * The folder stays if it failed, for its logs.
 */
export async function onSite<T>(wanted: Wanted, work: (site: Site) => Promise<T>): Promise<T> {
  if (process.platform !== 'linux')
    throw new CannotRun({
      what: `CPU and memory are read from /proc, which ${process.platform} has not`,
      where: 'conductor bench',
      fix: 'run it on Linux',
    });
  const { home, signal, report, isAside } = wanted;
  const loadBefore = Number((loadavg()[0] ?? 0).toFixed(2));
  return locked(`${home}.lock`, { patienceMs: 1_000, onWait: () => {} }, async () => {
    const provider = nativeStack(home);
    await provider.down({ wipe: true }); // What a run that was killed left behind.
    await rm(home, { recursive: true, force: true });
    await using apart = isAside ? aside('conductor-bench') : null;
    try {
      const stack = await serversAt(wanted, apart);
      const postgresUrl = urlsOf(stack);
      const site = { home, stack, loadBefore, signal, report, postgresUrl, aside: apart };
      const result = await untilAborted(work(site), signal);
      await provider.down({ wipe: true });
      await rm(home, { recursive: true, force: true });
      return result;
    } catch (error) {
      await rename(join(home, 'logs'), join(home, 'servers')).catch(() => {}); // Else they go with the data.
      await provider.down({ wipe: true });
      report(`logs       ${home}`);
      throw error;
    }
  });
}

/** A server of a machine this size as it would be set up to work: durable, with room between checkpoints. */
const production = (): PostgresSettings => ({
  shared_buffers: `${Math.min(2_048, Math.floor(totalmem() / 2 ** 20 / 4))}MB`,
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
});

async function serversAt(wanted: Wanted, apart: Aside | null): Promise<Stack> {
  const { home, report, postgres, also = [] } = wanted;
  const taken = new Set<number>();
  const ports = async (part: NativePart) => {
    const found = await freePorts(part.ports, taken);
    for (const port of found) taken.add(port);
    return found;
  };
  const portsOf = async (name: Also) => (also.includes(name) ? ports(native[name]) : [0]);
  const record = newRecord({
    postgres: await ports(native.postgres),
    kafka: await ports(native.kafka),
    registry: await ports(native.registry),
    neo4j: await portsOf('neo4j'),
    clickhouse: await portsOf('clickhouse'),
  });
  await mkdir(join(home, 'logs'), { recursive: true });
  const book = openBook(join(home, 'stack.json'), record);
  const parts = [
    withSettings(native.postgres, { ...production(), ...postgres }),
    apart ? launchedBy(apart, native.kafka) : native.kafka,
    native.registry,
    ...also.map((name) => native[name]),
  ];
  const started = await Promise.allSettled(parts.map((part) => start(part, home, book, report)));
  for (const each of started) if (each.status === 'rejected') throw each.reason;
  return book.read().stack;
}

const withSettings = (part: NativePart, settings: PostgresSettings): NativePart => ({
  ...part,
  async prepare(setting) {
    const launch = await part.prepare(setting);
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return { ...launch, args: [...launch.args, ...flags] };
  },
});

const launchedBy = (apart: Aside, part: NativePart): NativePart => ({
  ...part,
  prepare: async (setting) => apart.launch(await part.prepare(setting)),
});

const urlsOf =
  ({ postgres: { host, port, user, password } }: Stack) =>
  (database: string) =>
    `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;

/** Rejects on an abort, once the work has let go of the servers: clients that lose them first wait for them. */
async function untilAborted<T>(working: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(new StoppedBench('stopped before it was done: nothing was measured'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([working, aborted]);
  } catch (error) {
    await Promise.race([working.catch(() => {}), wait(unwindingMs, undefined, { ref: false })]);
    throw error;
  }
}

class StoppedBench extends Error {
  override readonly name = 'StoppedBench';
}
