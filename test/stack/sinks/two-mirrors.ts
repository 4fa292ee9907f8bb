import { randomBytes } from 'node:crypto';
import databases, { type ConnectionPool, sql } from '@databases/pg';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { mirror } from '../../../sinks/postgres.ts';
import { servers } from '../servers.ts';

interface Ways {
  readonly asChanges: Mirror;
  readonly byCopy: Mirror;
}

export interface Mirror {
  readonly db: ConnectionPool;
  readonly open: (contracts: readonly TableContract[]) => Promise<Sink<GovernedRecord>>;
}

/** Two empty databases, and mirrors in them: one writes all as changes, the other copies whatever may be copied. */
export async function twoMirrors() {
  const { postgres: server } = await servers();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = databases.default({ ...server, database: 'postgres', bigIntMode: 'string' });
  const open = async (suffix: string, fewestCopied: number): Promise<Mirror> => {
    const database = `${name}_${suffix}`;
    await admin.query(sql`CREATE DATABASE ${sql.ident(database)}`);
    const at = { ...server, database };
    return {
      db: databases.default({ ...at, bigIntMode: 'string', onError: () => {} }),
      open: (contracts) => mirror({ ...at, contracts, fewestCopied }),
    };
  };
  const ways: Ways = { asChanges: await open('changes', Infinity), byCopy: await open('copy', 1) };
  return {
    ...ways,
    async [Symbol.asyncDispose]() {
      for (const { db } of [ways.asChanges, ways.byCopy]) await db.dispose();
      for (const suffix of ['changes', 'copy'])
        await admin.query(sql`DROP DATABASE ${sql.ident(`${name}_${suffix}`)} WITH (FORCE)`);
      await admin.dispose();
    },
  };
}

/** All that a mirror holds of a table and of its bookkeeping but the times at which it was written, as texts. */
export async function heldBy({ db }: Mirror, table: string): Promise<readonly string[]> {
  const of = async (name: string, columns: string, own = 'true') => {
    const rows: readonly { row: string }[] = await db.query(
      sql.__dangerous__rawValue(
        `SELECT t::text AS row FROM (SELECT ${columns} FROM ${name} WHERE ${own}) t ORDER BY 1`,
      ),
    );
    return rows.map(({ row }) => `${name} ${row}`);
  };
  return [
    ...(await of(table, '*')),
    ...(await of('cdc_dedupe', '*', `starts_with(pk, '${table}')`)),
    ...(await of(
      'cdc_offsets',
      'stream, lsn, position, record_offset',
      `starts_with(stream, '${table}/')`,
    )),
  ];
}
