import { type ConnectionPool, sql } from '@databases/pg';
import { openDatabase } from '../../../ops/demo/database.ts';
import { type Random, seeded } from '../../../ops/demo/random.ts';

/** Connections that write without pause until they are disposed of. */
export interface Writers extends AsyncDisposable {
  /** Transactions committed so far. */
  readonly committed: number;
}

type Statement = (random: Random, fresh: () => number) => string;

/** Starts so many writers, each with what it writes at random. */
export function startWriters(
  url: string,
  seeds: readonly number[],
  statements: readonly [Statement, ...Statement[]],
): Writers {
  const db: ConnectionPool = openDatabase(url);
  const stopping = new AbortController();
  let committed = 0;
  let next = 10_000_000;
  const fresh = () => next++;
  const write = async (seed: number) => {
    const random = seeded(seed);
    while (!stopping.signal.aborted) {
      const few = Array.from({ length: 1 + random.below(3) }, () => random.pick(statements));
      await db
        .tx(async (tx) => {
          for (const statement of few)
            await tx.query(sql.__dangerous__rawValue(statement(random, fresh)));
          if (random.chance(0.1)) throw new GivenUp();
        })
        .catch((error: unknown) => {
          if (!isExpected(error)) throw error;
        });
      committed++;
    }
  };
  const writing = seeds.map(write);
  return {
    get committed() {
      return committed;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(writing);
      await db.dispose();
    },
  };
}

/** A transaction that is rolled back on purpose. */
class GivenUp extends Error {}

/** Writers get into each other's way: of two that wait for each other one is given up. */
const isExpected = (error: unknown): boolean =>
  error instanceof GivenUp ||
  (error instanceof Error && /deadlock|duplicate key/.test(error.message));
