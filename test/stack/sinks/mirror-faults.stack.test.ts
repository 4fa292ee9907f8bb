import { randomBytes } from 'node:crypto';
import { type ConnectionPool, sql } from '@databases/pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { positionText } from '../../../schemas/position.ts';
import { position } from '../../sinks/changes.ts';
import { servers } from '../servers.ts';
import { commitProxy, postgresCommits } from './commit-proxy.ts';
import { openAt } from './fault-places.ts';
import { type FaultKind, type FaultStore, faultSuite } from './fault-suite.ts';
import { type Course, marksOf } from './lanes-of-marks.ts';

const kindOf = (fewestCopied: number): FaultKind => ({
  start: () => freshMirror(fewestCopied),
  fates: ['never arrives', 'answer lost', 'arrives late'],
  strikes: ['writing', 'written'],
  length: 300,
});

faultSuite('Postgres', kindOf(1e9));
faultSuite('Postgres by COPY', kindOf(1));

test('a mirror is opened beside those who write to it, and neither waits for the other', async () => {
  await using store = await freshMirror(1);
  const contract = marksOf(store.run);
  const first = await openAt(store.place, [contract]);
  await first[Symbol.asyncDispose]();
  await store.db.tx(async (tx) => {
    await tx.query(sql`INSERT INTO cdc_dedupe (pk, ts) VALUES ('one', now())`);
    const second = await openAt(store.place, [contract]);
    await second[Symbol.asyncDispose]();
    await tx.query(sql`INSERT INTO cdc_offsets (stream, lsn) VALUES ('one', '0/0')`);
  });
});

async function freshMirror(
  fewestCopied: number,
): Promise<FaultStore & { readonly db: ConnectionPool }> {
  const { postgres: server } = await servers();
  const run = randomBytes(6).toString('hex');
  const database = `test_${run}`;
  const urlOf = (name: string) =>
    `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${name}`;
  const admin = openDatabase(urlOf('postgres'));
  await admin.query(sql`CREATE DATABASE ${sql.ident(database)}`);
  const db = openDatabase(urlOf(database));
  const at = { ...server, database, idleMs: 2_000, fewestCopied: fewestCopied };
  return {
    db,
    run,
    place: { sink: 'postgres', at },
    async expectRests({ contract, lanes, marks }: Course) {
      const rests = sql`SELECT id::text, note, body, after_id::text, _position FROM
        ${sql.ident(...contract.table.split('.'))} t ORDER BY t.id`;
      expect(await db.query(rests)).toEqual(
        marks
          .toSorted((a, b) => (a.id < b.id ? -1 : 1))
          .map(({ id, note, body, after_id: after, lsn }) => ({
            id: `${id}`,
            note,
            body,
            after_id: after === null ? null : `${after}`,
            _position: positionText(position(lsn)),
          })),
      );
      const reached = sql`SELECT stream, record_offset::int FROM cdc_offsets ORDER BY 1`;
      expect(await db.query(reached)).toEqual(
        lanes.map((lane, n) => ({
          stream: `${contract.table}/${n}`,
          record_offset: lane.length - 1,
        })),
      );
    },
    async proxied(fateOf) {
      const proxy = await commitProxy(server, postgresCommits, fateOf);
      const through = { ...at, host: '127.0.0.1', port: proxy.port };
      return { proxy, place: { sink: 'postgres', at: through } };
    },
    async [Symbol.asyncDispose]() {
      await db.dispose();
      await admin.query(sql`DROP DATABASE ${sql.ident(database)} WITH (FORCE)`);
      await admin.dispose();
    },
  };
}
