import { mkdir, rm, rmdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type Book, openBook } from './book.ts';
import { isCached, packages } from './jars.ts';
import { findJava, requireMaven } from './java.ts';
import { StackTrouble } from './stack-trouble.ts';
import { isRunning, start, statusOf, stop } from './life.ts';
import { locked } from './lock.ts';
import { native } from './native-parts.ts';
import { freePorts } from './ports.ts';
import { newRecord, readRecord } from './record.ts';
import { outsideOf } from './service-account.ts';
import { type Part, parts, type Provider } from './stack.ts';

/** The stack as processes of this machine, their data and logs in `home`. */
export function nativeStack(home: string): Provider {
  const folder = resolve(home);
  const file = join(folder, 'stack.json');
  const alone = <T>(work: () => Promise<T>, report?: (line: string) => void) =>
    locked(
      join(folder, 'stack.lock'),
      {
        patienceMs: 600_000,
        onWait: (pid) => report?.(`waiting for process ${pid}, which is changing this stack`),
      },
      work,
    );

  return {
    async up(report) {
      await requireTools();
      return alone(async () => {
        const book = openBook(file, (await readRecord(file)) ?? newRecord(await choosePorts()));
        await mkdir(join(folder, 'logs'), { recursive: true });
        await startAll(folder, book, report);
        return book.read().stack;
      }, report);
    },

    async status() {
      const record = await readRecord(file);
      return Promise.all(
        parts.map(async (part) =>
          record
            ? statusOf(native[part], record)
            : ({ part, state: 'stopped', pid: null, port: null, memoryMb: null } as const),
        ),
      );
    },

    async down({ wipe }) {
      await alone(async () => {
        const record = await readRecord(file);
        if (record) {
          const book = openBook(file, record);
          await Promise.all(parts.map((part) => stop(native[part], book, { wipe })));
        }
        if (!wipe) return;
        await rm(outsideOf(folder), { recursive: true, force: true });
        for (const name of ['data', 'logs', 'stack.json']) {
          await rm(join(folder, name), { recursive: true, force: true });
        }
      });
      // What others keep in the same folder is theirs.
      if (wipe) await rmdir(folder).catch(() => undefined);
    },
  };
}

async function startAll(home: string, book: Book, report: (line: string) => void): Promise<void> {
  const waiting: Part[] = [];
  for (const part of parts) {
    if (await isRunning(native[part], book.read())) report(`${part} is running`);
    else waiting.push(part);
  }
  // Everything at once on a small machine starves the slowest; its longest goes first.
  const queue = ['neo4j', 'postgres', 'clickhouse', 'kafka', 'registry'].flatMap((name) =>
    waiting.filter((part) => part === name),
  );
  const lanes = Array.from({ length: Math.max(3, availableParallelism()) }, async () => {
    for (let part = queue.shift(); part; part = queue.shift()) {
      await start(native[part], home, book, report);
    }
  });
  const failures = (await Promise.allSettled(lanes)).flatMap((lane): unknown[] =>
    lane.status === 'rejected' ? [lane.reason] : [],
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) {
    const lines = failures.map((failure) => (failure instanceof Error ? failure.message : failure));
    throw new StackTrouble(lines.join('\n\n'), { cause: failures });
  }
}

async function requireTools(): Promise<void> {
  await findJava();
  const cached = await Promise.all(Object.values(packages).map(isCached));
  if (cached.includes(false)) await requireMaven();
}

async function choosePorts(): Promise<Readonly<Record<Part, readonly number[]>>> {
  const taken = new Set<number>();
  const choose = async (part: Part) => {
    const ports = await freePorts(native[part].ports, taken);
    for (const port of ports) taken.add(port);
    return ports;
  };
  return {
    postgres: await choose('postgres'),
    kafka: await choose('kafka'),
    registry: await choose('registry'),
    neo4j: await choose('neo4j'),
    clickhouse: await choose('clickhouse'),
  };
}
