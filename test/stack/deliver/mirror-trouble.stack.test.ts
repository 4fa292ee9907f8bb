import { type ConnectionPool, sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { type OneSink, oneSink, runs } from './one-sink.ts';

let way: Way;
let mirror: ConnectionPool;
let sink: OneSink;
let worker: Worker;

beforeAll(async () => {
  way = await openWay();
  await way.drain();
  const flow = way.start(['run', 'capture', 'govern']);
  await runs(flow);
  mirror = openDatabase(way.urls.mirror);
  await mirror.query(
    sql`ALTER DATABASE ${sql.ident(`${way.name}_mirror`)} SET deadlock_timeout = '5s'`,
  );
  sink = await oneSink(way, 'postgres');
  worker = sink.start();
  await runs(worker);
  await sink.feed(100);
  await sink.equal();
}, 400_000);

afterAll(async () => {
  await mirror?.dispose();
  await way?.[Symbol.asyncDispose]();
});

/** Ends all that others do in the mirror, as a server does that is restarted. */
const hangUp = async () => {
  await mirror.query(sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
};

const people = () => sql.ident(way.name, 'people');
const database = () => sql.ident(`${way.name}_mirror`);

/** How often the worker has begun anew. */
const retries = () => worker.stderr.split('lost a server; trying again').length - 1;

const troubles: readonly (readonly [string, () => Promise<void>, () => Promise<void>])[] = [
  ['ends its sessions', hangUp, () => Promise.resolve()],
  [
    'is read-only for a while',
    async () => {
      await mirror.query(sql`ALTER DATABASE ${database()} SET default_transaction_read_only = on`);
      await hangUp();
    },
    async () => {
      await mirror.query(sql`SET default_transaction_read_only = off`);
      await mirror.query(sql`ALTER DATABASE ${database()} RESET default_transaction_read_only`);
    },
  ],
  [
    'lacks a column, until it is renamed back',
    async () => {
      await mirror.query(sql`ALTER TABLE ${people()} RENAME COLUMN mood TO other`);
    },
    async () => {
      await mirror.query(sql`ALTER TABLE ${people()} RENAME COLUMN other TO mood`);
    },
  ],
];

test.for(troubles)(
  'a mirror that %s is waited out, visibly, and then has all',
  { timeout: 400_000 },
  async ([, trouble, mend]) => {
    const before = retries();
    await trouble();
    await sink.feed(100);
    await vi.waitFor(() => expect(retries()).toBeGreaterThan(before), { timeout: 60_000 });
    await mend();
    await sink.feed(100);
    await sink.equal();
    await runs(worker);
  },
);

test(
  'a deadlock with somebody else’s transaction has a batch written again',
  { timeout: 400_000 },
  async () => {
    const deadlocks = async () => {
      const [row] = (await mirror.query(
        sql`SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()`,
      )) as readonly { readonly count: number }[];
      return row?.count ?? 0;
    };
    const before = await deadlocks();
    const other = openDatabase(way.urls.mirror);
    await other
      .tx(async (tx) => {
        await tx.query(sql`SET LOCAL deadlock_timeout = '60s'`); // Not we: the worker finds out.
        await tx.query(
          sql`SELECT 1 FROM ${people()} WHERE id = (SELECT max(id) FROM ${people()}) FOR UPDATE`,
        );
        await way.commit(`UPDATE people SET mood = 'locked'`);
        await vi.waitFor(
          async () =>
            expect(
              await mirror.query(sql`
              SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
              WHERE NOT l.granted AND a.datname = current_database()`),
            ).not.toEqual([]),
          { timeout: 60_000, interval: 20 },
        );
        await tx.query(sql`UPDATE ${people()} SET mood = mood`);
        throw new Error('undone');
      })
      .catch(() => {}); // Whoever of the two it was.
    await other.dispose();
    await sink.equal();
    await vi.waitFor(async () => expect(await deadlocks()).toBeGreaterThan(before), {
      timeout: 20_000,
    });
    await runs(worker);
  },
);
