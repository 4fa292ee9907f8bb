import { parseArgs } from 'node:util';
import pg from 'pg';

/**
 * Reads a slot over a socket and throws it away, message by message; `--pause-ms` pauses after each
 * read. It confirms nothing, so that the slot can be read again. The time is from the first message to
 * the last row.
 */
const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    slot: { type: 'string', default: '' },
    publication: { type: 'string', default: '' },
    rows: { type: 'string', default: '0' },
    'pause-ms': { type: 'string', default: '0' },
  },
});
const wanted = Number(flags.rows);
const pauseMs = Number(flags['pause-ms']);

const [xLogData, insert, update] = [0x77, 0x49, 0x55];
const bodyAt = 25; // After the kind, two positions and a time.

const url = new URL(flags.url);
url.searchParams.set('replication', 'database');
// It answers no keepalive: a reader that hangs is thus cut off, and one that is only slow is not.
url.searchParams.set('options', '-c wal_sender_timeout=10min');
const client = new pg.Client({ connectionString: url.href });
await client.connect();
const { connection } = client;

let rows = 0;
let firstMs = 0;
connection.on('copyData', ({ chunk }: { readonly chunk: Buffer }) => {
  if (chunk[0] !== xLogData) return;
  firstMs ||= performance.now();
  const kind = chunk[bodyAt];
  if (kind !== insert && kind !== update) return;
  if (++rows < wanted) return;
  process.stdout.write(JSON.stringify({ rows, ms: performance.now() - firstMs }));
  process.exit(0);
});
if (pauseMs > 0)
  connection.stream.on('data', () => {
    connection.stream.pause();
    setTimeout(() => connection.stream.resume(), pauseMs);
  });
await client.query(
  `START_REPLICATION SLOT ${flags.slot} LOGICAL 0/0 (proto_version '1', publication_names '${flags.publication}')`,
);
