import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { from } from 'pg-copy-streams';

/** Copies a file of rows into a table, in one COPY. */
const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    table: { type: 'string', default: '' },
    file: { type: 'string', default: '' },
  },
});
const client = new pg.Client({ connectionString: flags.url });
await client.connect();
await pipeline(
  createReadStream(flags.file, { highWaterMark: 256 * 1024 }),
  client.query(from(`COPY ${flags.table} FROM STDIN`)),
);
await client.end();
