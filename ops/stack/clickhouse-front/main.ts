import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { openEngine } from './engine.ts';
import { frontServer } from './server.ts';
import { Connections } from './sessions.ts';

// Beyond this a body goes through a file, which the engine reads by itself.
const memoryPerBody = Number(process.env['CLICKHOUSE_FRONT_MEMORY_PER_BODY'] ?? 64 * 1024 * 1024);

const log = pino();
const data = required('CLICKHOUSE_FRONT_DATA');
const spool = join(data, 'spool');
await rm(spool, { recursive: true, force: true });
await mkdir(spool, { recursive: true });

const engine = openEngine(join(data, 'engine'));
const connections = new Connections(engine);
const server = frontServer({
  connections,
  account: {
    user: required('CLICKHOUSE_FRONT_USER'),
    password: required('CLICKHOUSE_FRONT_PASSWORD'),
  },
  spool,
  memoryPerBody,
});

server.once('error', (error) => {
  log.fatal(error, 'the ClickHouse front cannot listen');
  process.exit(1);
});
server.listen(Number(required('CLICKHOUSE_FRONT_PORT')), '127.0.0.1', () => {
  log.info(server.address(), 'the ClickHouse front listens');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal));

/** Answers what was asked already, then lets the engine write down what it holds. */
function stop(signal: string): void {
  log.info({ signal }, 'the ClickHouse front stops');
  server.close(() => {
    connections.close();
    engine.close();
    process.exit(0);
  });
  // A connection that is kept alive becomes idle only after its last answer.
  setInterval(() => server.closeIdleConnections(), 50).unref();
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start this by conductor up`);
  return value;
}
