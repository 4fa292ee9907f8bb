import type { Config } from '../../contracts/config.ts';
import type { Batching } from '../../pipelines/flow/into.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import type { Governed } from '../../schemas/change.ts';
import { changeOf, type GovernedRecord } from '../../schemas/governed-record.ts';
import { type Row, unchanged } from '../../schemas/value.ts';
import { ordersColumns } from './orders.ts';

interface Plain {
  readonly sink: Sink<GovernedRecord>;
  readonly batching: Batching<GovernedRecord>;
}

/** Where a plain sink writes: `url` is a database of PostgreSQL. */
interface Place {
  readonly url: string;
  readonly config: Config;
}

/**
 * The ways that somebody would write orders by hand, without a thought of what comes twice or too late. Each loads
 * its driver when it is opened, and no other.
 */
export const plainSinks: ReadonlyMap<string, (place: Place) => Promise<Plain>> = new Map([
  ['read', () => Promise.resolve(reading())],
  ['upserts', upserts],
  ['merge', merge],
]);

/** Reads, and throws away: the limit of all. */
const reading = (): Plain => ({
  sink: {
    name: 'read',
    write: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  },
  batching: { size: 5_000, lingerMs: 0 },
});

/** One INSERT … ON CONFLICT of 1,000 rows after the other. */
async function upserts({ url }: Place): Promise<Plain> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    sink: {
      name: 'upserts',
      async write(batch) {
        const rows = newest(batch.map(changeOf));
        const values = rows.flatMap((row) => columns.map((column) => row[column]));
        await client.query(upsertOf(rows.length), values);
      },
      [Symbol.asyncDispose]: () => client.end(),
    },
    batching: { size: 1_000, lingerMs: 0 },
  };
}

/** One UNWIND … MERGE of 5,000 rows after the other. */
async function merge({ config: { sinks } }: Place): Promise<Plain> {
  if (!sinks.neo4j) throw new TypeError('no Neo4j is configured');
  const { default: neo4j } = await import('neo4j-driver');
  const { url, user, password, database } = sinks.neo4j;
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), { useBigInt: true });
  const run = (query: string, parameters: object) =>
    driver.executeQuery(query, parameters, { database });
  await run('CREATE CONSTRAINT IF NOT EXISTS FOR (n:Plain) REQUIRE n.id IS UNIQUE', {});
  return {
    sink: {
      name: 'merge',
      async write(batch) {
        const rows = newest(batch.map(changeOf));
        await run('UNWIND $rows AS row MERGE (n:Plain {id: row.id}) SET n += row', { rows });
      },
      [Symbol.asyncDispose]: () => driver.close(),
    },
    batching: { size: 5_000, lingerMs: 0 },
  };
}

const columns = Object.keys(ordersColumns(false));

/** An upsert of so many rows of orders, each value of them a parameter. */
export function upsertOf(rows: number): string {
  const line = (n: number) =>
    `(${columns.map((_, at) => `$${n * columns.length + at + 1}`).join()})`;
  const set = columns
    .filter((column) => column !== 'id')
    .map((name) => `${name} = excluded.${name}`);
  return `INSERT INTO orders (${columns.join()}) VALUES ${Array.from({ length: rows }, (_, n) => line(n)).join()}
    ON CONFLICT (id) DO UPDATE SET ${set.join()}`;
}

/** The last row of each key: no statement takes two of one. */
export function newest(batch: readonly Pick<Governed, 'after'>[]): readonly Row[] {
  const rows = new Map<unknown, Row>();
  for (const { after } of batch) {
    if (!after || Object.values(after).includes(unchanged))
      throw new TypeError('written by hand are whole rows only');
    rows.set(after['id'], after);
  }
  return [...rows.values()];
}
