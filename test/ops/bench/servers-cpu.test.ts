import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serversCpuS } from '../../../ops/bench/servers-cpu.ts';
import { newRecord, withPart, writeRecord } from '../../../ops/stack/record.ts';

test('of the servers of a site count those that run, and no others', async () => {
  const home = await mkdtemp(join(tmpdir(), 'conductor-servers-cpu-'));
  try {
    const ports = { postgres: [1], kafka: [2], registry: [3], neo4j: [4], clickhouse: [5] };
    const idle = newRecord(ports);
    await writeRecord(join(home, 'stack.json'), idle);
    expect(await serversCpuS({ home })).toBe(0);
    const running = { pid: process.pid, started: '' };
    await writeRecord(
      join(home, 'stack.json'),
      withPart(idle, 'kafka', { ports: [2], process: running }),
    );
    expect((await serversCpuS({ home })) > 0).toBe(process.platform === 'linux');
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
