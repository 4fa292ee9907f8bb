import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { orderRows } from '../orders.ts';
import { spread } from '../percentile.ts';

/**
 * Commits rows at an even pace, `--batch` of them to a transaction, each when it is due whatever
 * became of those before. Says how long the transactions took, from when they were due to when their
 * COMMIT had returned, and how long it took to write all.
 */
const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    rate: { type: 'string', default: '0' },
    rows: { type: 'string', default: '0' },
    batch: { type: 'string', default: '1' },
    connections: { type: 'string', default: '1' },
  },
});
const batch = Number(flags.batch);
const transactions = Math.ceil(Number(flags.rows) / batch);
const apartMs = (batch / Number(flags.rate)) * 1_000;

const clients = Array.from(
  { length: Number(flags.connections) },
  () => new pg.Client({ connectionString: flags.url }),
);
await Promise.all(clients.map((client) => client.connect()));

const tookMs = new Float64Array(transactions);
const under: Promise<unknown>[] = [];
const beganMs = performance.now();
for (let n = 0; n < transactions;) {
  const now = performance.now();
  for (; n < transactions && beganMs + n * apartMs <= now; n++) under.push(commit(n));
  await wait(Math.max(0, beganMs + n * apartMs - performance.now()));
}
await Promise.all(under);
const ms = performance.now() - beganMs;
process.stdout.write(JSON.stringify({ rows: transactions * batch, ms, commit: spread(tookMs) }));
await Promise.all(clients.map((client) => client.end()));

async function commit(n: number): Promise<void> {
  const first = 1 + n * batch;
  await clients[n % clients.length]?.query({
    name: 'commit',
    text: `INSERT INTO orders ${orderRows('$1::bigint', '$2::bigint')}`,
    values: [first, first + batch - 1],
  });
  tookMs[n] = performance.now() - (beganMs + n * apartMs);
}
