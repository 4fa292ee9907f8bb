import { parseArgs } from 'node:util';
import pg from 'pg';

/**
 * Reads a whole table by COPY over a socket and throws it away, row by row. The time is from the first
 * row to the last.
 */
const { values: flags } = parseArgs({
  options: { url: { type: 'string', default: '' }, table: { type: 'string', default: '' } },
});

const client = new pg.Client({ connectionString: flags.url });
await client.connect();
let rows = 0;
let firstMs = 0;
client.connection.on('copyData', () => {
  firstMs ||= performance.now();
  rows++;
});
await client.query(`COPY ${flags.table} TO STDOUT`);
process.stdout.write(JSON.stringify({ rows, ms: performance.now() - firstMs }));
await client.end();
