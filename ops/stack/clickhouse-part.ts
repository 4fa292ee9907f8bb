import { mkdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launch, NativePart } from './native-part.ts';

/** The ClickHouse engine behind ClickHouse's own HTTP interface, in a process of its own. */
export const clickhousePart: NativePart = {
  part: 'clickhouse',
  ports: 1,
  patienceMs: 60_000,
  stopping: [{ signal: 'SIGTERM', ms: 20_000 }],

  async prepare({ data, ports, stack }): Promise<Launch> {
    await mkdir(data, { recursive: true });
    // Compiled, this file and the one it names end in .js.
    const main = `./clickhouse-front/main${extname(import.meta.url)}`;
    return {
      command: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        fileURLToPath(new URL(main, import.meta.url)),
      ],
      env: {
        // Each query holds a thread of this pool while it runs.
        UV_THREADPOOL_SIZE: '32',
        CLICKHOUSE_FRONT_DATA: data,
        CLICKHOUSE_FRONT_PORT: `${ports[0] ?? 0}`,
        CLICKHOUSE_FRONT_USER: stack.clickhouse.user,
        CLICKHOUSE_FRONT_PASSWORD: stack.clickhouse.password,
      },
    };
  },

  async answers({ clickhouse }) {
    const response = await fetch(`${clickhouse.url}/?query=SELECT%201`, {
      headers: {
        'X-ClickHouse-User': clickhouse.user,
        'X-ClickHouse-Key': clickhouse.password,
      },
      signal: AbortSignal.timeout(5_000),
    });
    const text = await response.text();
    if (text !== '1\n') throw new Error(`${clickhouse.url} answers ${response.status}: ${text}`);
  },
};
