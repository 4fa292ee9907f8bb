import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { openBook } from '../../../ops/stack/book.ts';
import { start, stop } from '../../../ops/stack/life.ts';
import type { NativePart } from '../../../ops/stack/native-part.ts';
import { freePorts, isFree } from '../../../ops/stack/ports.ts';
import { newRecord } from '../../../ops/stack/record.ts';
import { outsideOf } from '../../../ops/stack/service-account.ts';
import type { Stack } from '../../../ops/stack/stack.ts';

/** A server of a test's own, which may be killed without asking anybody. */
export interface OwnServer extends AsyncDisposable {
  /** Starts it, again on the same port; returns where it is. */
  start(): Promise<Stack>;
  /** Lets it write down what it holds, and end. */
  stop(): Promise<void>;
  /** `kill -9`; its data stay. */
  kill(): Promise<void>;
}

export async function ownServer(part: NativePart): Promise<OwnServer> {
  const home = await mkdtemp(join(tmpdir(), 'conductor-server-'));
  await mkdir(join(home, 'logs'));
  const ports = await freePorts(part.ports, new Set());
  const none = { postgres: [0], kafka: [0], registry: [0], neo4j: [0], clickhouse: [0] };
  const book = openBook(join(home, 'stack.json'), newRecord({ ...none, [part.part]: ports }));
  const kill = () => stop({ ...part, stopping: [] }, book, { wipe: false });
  return {
    async start() {
      // Who was killed may hold its port for a moment longer than it is there.
      await vi.waitFor(async () => expect(await allFree(ports)).toBe(true), 10_000);
      await start(part, home, book, () => {});
      return book.read().stack;
    },
    stop: () => stop(part, book, { wipe: false }),
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(outsideOf(home), { recursive: true, force: true });
      await rm(home, { recursive: true, force: true });
    },
  };
}

const allFree = async (ports: readonly number[]): Promise<boolean> =>
  (await Promise.all(ports.map(isFree))).every(Boolean);
