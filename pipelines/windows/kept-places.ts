import { sql } from '@databases/pg';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import { postgresTrouble } from '../wal/postgres-trouble.ts';

interface Row {
  readonly task: string;
  readonly lanes: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly next: string;
  }[];
}

/** How far tasks are, as `conductor_windows` keeps it: by task and `topic/partition`, the offset that comes next. */
export async function keptPlaces(
  url: string,
  tasks: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, bigint>>> {
  const pool = ownPool(url, { name: 'conductor lag', size: 1 });
  try {
    const [{ known }] = (await pool.query(
      sql`SELECT to_regclass('conductor_windows') IS NOT NULL AS known`,
    )) as [{ readonly known: boolean }];
    if (!known) return new Map(); // Nothing was ever closed.
    const rows = (await pool.query(sql`
      SELECT task, lanes FROM conductor_windows WHERE task = ANY(${tasks})`)) as readonly Row[];
    return new Map(
      rows.map(({ task, lanes }) => [
        task,
        new Map(lanes.map(({ topic, partition, next }) => [`${topic}/${partition}`, BigInt(next)])),
      ]),
    );
  } catch (error) {
    throw postgresTrouble(error, 'state.url', url);
  } finally {
    await partFrom(pool);
  }
}
