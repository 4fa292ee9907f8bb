import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { to } from 'pg-copy-streams';
import type { Contest } from './deliver-contest.ts';
import { countedIn, delivered, expectRested, plainly, written } from './deliver-run.ts';
import { createOrders, insertsOf, settleServer } from './orders.ts';
import { speed } from './report.ts';

/** The mirror, beside plain upserts of the same topic and COPY of the same rows. */
export const postgresContest: Contest = {
  databases: ['mirror', 'plain'],
  sinks: ({ postgresUrl }) => ({ postgres: { url: postgresUrl('mirror') } }),
  async contend(run, read) {
    const { site, rows, committed } = run;
    const { report, postgresUrl } = site;
    const [mirror, plain] = [postgresUrl('mirror'), postgresUrl('plain')];
    await createOrders(plain);
    await settleServer(plain);
    report('upserts    writes the topic by INSERT … ON CONFLICT of 1,000 rows');
    const upserts = await plainly(run, 'upserts', { url: plain });
    expectRested('upserts', await countedIn(plain), committed);
    await settleServer(mirror);
    report('deliver    writes the topic to the mirror');
    const subject = await delivered(run, 'postgres', () => countedIn(mirror));
    const file = join(site.home, 'rows.copy');
    await copiedOut(run.config.url, file, rows);
    await settleServer(plain);
    report('copy       writes as many of these rows by one COPY');
    const limit = await written(site, {
      program: 'copy-in',
      rows,
      flags: { url: plain, table: await bareTable(plain), file },
    });
    return {
      subject,
      limit,
      limitName: 'copy',
      peers: { upserts, read },
      targets: [speed('deliver-postgres', subject, 80_000)],
      notes: [
        'upserts reads the topic as deliver does, and writes it by INSERT … ON CONFLICT of 1,000 rows, unaware of what comes twice or too late.',
        'copy writes as many rows from a file by one COPY, into a table without a key.',
      ],
    };
  },
};

/** Writes the final rows to a file, and those that were updated once more. */
async function copiedOut(url: string, file: string, rows: number): Promise<void> {
  const again = rows - insertsOf(rows);
  const query = `SELECT * FROM orders UNION ALL SELECT * FROM orders WHERE id <= ${again}`;
  await connected(url, (client) =>
    pipeline(client.query(to(`COPY (${query}) TO STDOUT`)), createWriteStream(file)),
  );
}

/** A table for the same rows, which holds nothing against any. */
async function bareTable(url: string): Promise<string> {
  await connected(url, (client) => client.query('CREATE TABLE copied (LIKE orders)'));
  return 'copied';
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
