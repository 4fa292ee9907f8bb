import { sql } from '@databases/pg';
import { ownPool, partFrom } from '../wal/own-pool.ts';

/** The number that the source's next transaction gets, in the 32 bits that the stream has of it. */
export async function horizonAt(url: string): Promise<number> {
  const db = ownPool(url, { name: 'conductor copies', size: 1 });
  try {
    const [{ next }] = (await db.query(
      sql`SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next`,
    )) as [{ readonly next: string }];
    return Number(BigInt(next) & 0xffff_ffffn) | 0;
  } finally {
    await partFrom(db);
  }
}
