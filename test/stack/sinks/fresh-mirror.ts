import { randomBytes } from 'node:crypto';
import databases, { sql } from '@databases/pg';
import type { TableContract } from '../../../contracts/contract.ts';
import { mirror } from '../../../sinks/postgres.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { servers } from '../servers.ts';

/** A mirror in a database of its own, open under these contracts. */
export async function freshMirror(contracts: readonly TableContract[]) {
  const { postgres: server } = await servers();
  const database = `test_${randomBytes(6).toString('hex')}`;
  const admin = databases.default({ ...server, database: 'postgres', bigIntMode: 'string' });
  await admin.query(sql`CREATE DATABASE ${sql.ident(database)}`);
  const at = { ...server, database };
  const db = databases.default({ ...at, bigIntMode: 'string', onError: () => {} });
  const sink = takingChanges(contracts, await mirror({ ...at, contracts }));
  return {
    at,
    db,
    sink,
    async [Symbol.asyncDispose]() {
      await sink[Symbol.asyncDispose]();
      await db.dispose();
      await admin.query(sql`DROP DATABASE ${sql.ident(database)} WITH (FORCE)`);
      await admin.dispose();
    },
  };
}
