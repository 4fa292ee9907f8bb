import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { clickhousePart } from '../../ops/stack/clickhouse-part.ts';
import { freePorts } from '../../ops/stack/ports.ts';
import { newRecord } from '../../ops/stack/record.ts';

const main = fileURLToPath(new URL('../../ops/stack/clickhouse-front/main.ts', import.meta.url));

export interface FrontProcess {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Ends it by a signal and returns its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A ClickHouse front of the test's own on a folder; resolves once it answers. */
export async function startFront(data: string): Promise<FrontProcess> {
  const port = (await freePorts(1, new Set()))[0]!;
  const account = { user: 'default', password: "se'cret:ü" };
  const child: ChildProcess = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      UV_THREADPOOL_SIZE: '16',
      CLICKHOUSE_FRONT_DATA: data,
      CLICKHOUSE_FRONT_PORT: `${port}`,
      CLICKHOUSE_FRONT_USER: account.user,
      CLICKHOUSE_FRONT_PASSWORD: account.password,
      CLICKHOUSE_FRONT_MEMORY_PER_BODY: `${1024 * 1024}`,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const blank = newRecord({
    postgres: [1],
    kafka: [1],
    registry: [1],
    neo4j: [1],
    clickhouse: [port],
  });
  const stack = { ...blank.stack, clickhouse: { url, ...account } };
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the front ended with ${child.exitCode}`);
    try {
      await clickhousePart.answers(stack);
      break;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  return {
    url,
    ...account,
    async end(signal) {
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code]: (number | null)[] = await exit;
      return code ?? null;
    },
  };
}
