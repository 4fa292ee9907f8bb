import { setTimeout as wait } from 'node:timers/promises';
import { type Driver, type ManagedTransaction, Neo4jError } from 'neo4j-driver';
import { Refusal } from '../schemas/refusal.ts';

/** Where a graph is written to. */
export interface Place {
  readonly driver: Driver;
  readonly database: string;
  readonly contended: () => void;
  readonly longestMs?: number; // So long a transaction may last before the server ends it.
}

/** That a transaction met another, and is to begin again. */
export class Contention extends Error {}

/** What is done in a transaction; it may be done again. It tells which table it is at, for errors. */
type Work<T> = (tx: ManagedTransaction, at: (table: string) => void) => Promise<T>;

/** One managed transaction; one that another got in the way of begins again. */
export async function transact<T>(
  { driver, database, contended, longestMs }: Place,
  work: Work<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const session = driver.session({ database });
    let table = '';
    const working = async (tx: ManagedTransaction) => {
      try {
        return await work(tx, (name) => (table = name));
      } catch (cause) {
        // The driver would wait for a second before it tried again.
        throw contentions.has(codeOf(cause)) ? new Contention('met another', { cause }) : cause;
      }
    };
    try {
      return await session.executeWrite(working, longestMs ? { timeout: longestMs } : {});
    } catch (error) {
      if (!(error instanceof Contention) || attempt === 20) throw refusalOf(table, error) ?? error;
      contended();
      await wait(Math.random() * 10 * attempt); // Two that met may else meet again.
    } finally {
      await session.close();
    }
  }
}

/** What the server calls an error; nothing for one that is not its own. */
export const codeOf = (error: unknown): string => (error instanceof Neo4jError ? error.code : '');

/** What another transaction did to this one, which begins again. */
const contentions = new Set([
  'Neo.ClientError.Statement.EntityNotFound', // A node that another lane has just removed.
  'Neo.TransientError.Transaction.DeadlockDetected',
]);

export const constraintViolated = 'Neo.ClientError.Schema.ConstraintValidationFailed';

const dataCodes = new Set([
  constraintViolated,
  'Neo.ClientError.Statement.ArgumentError',
  'Neo.ClientError.Statement.ArithmeticError',
  'Neo.ClientError.Statement.TypeError',
]);

/** What Neo4j says about data quotes it: only its code is taken over. */
function refusalOf(table: string, error: unknown): Refusal | null {
  const code = codeOf(error);
  if (!dataCodes.has(code)) return null;
  return new Refusal('rejected-by-sink', `table ${table}: ${code}`, {
    cause: Object.assign(new Error(code), { code }),
  });
}
