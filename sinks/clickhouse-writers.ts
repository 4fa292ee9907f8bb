import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { NotNow } from '../contracts/cannot-run.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import { literal } from './clickhouse-tables.ts';

/** How far a lane has come in a history, for as long as it is ours. */
export interface Held {
  readonly claim: string;
  next: bigint; // From here on nothing rests there, unless we write it.
}

/** Lanes of a table, or of those of its rows that a condition names. */
export interface Claimed {
  readonly resting: string; // Where its rows rest, wherever.
  readonly claimed: string; // What its lanes are claimed by.
  readonly lane: string; // The columns of lane and offset.
  readonly offset: string;
  readonly only: string; // '' is all rows.
}

const patienceMs = 60_000;
const lookEveryMs = 20;

/**
 * Who may write which lanes of a history. A claim is a row; the newest of a lane counts, and every insert asks the server
 * itself whether all claims that it is written under are that. Whoever claims a lane waits until the inserts that were
 * asked before have ended, and then sees all that rests: nobody else adds to it any more.
 */
export class LaneClaims {
  readonly #client: ClickHouseClient;
  readonly #place: WarehousePlace;
  readonly #claimed: Claimed;
  readonly #history: string;
  readonly #name: string; // Of the history, such that no comment ends in it.
  #held = new Map<number, Held>();

  constructor(client: ClickHouseClient, place: WarehousePlace, claimed: Claimed) {
    this.#client = client;
    this.#place = place;
    this.#claimed = claimed;
    this.#history = claimed.claimed;
    this.#name = encodeURIComponent(`${place.database}.${claimed.claimed}`);
  }

  /** Where each lane that is ours goes on. */
  get ends(): ReadonlyMap<number, bigint> {
    return new Map([...this.#held].map(([lane, { next }]) => [lane, next]));
  }

  /** Said in the text of every insert, by which the server shows it while it runs. */
  get mark(): string {
    return `/* conductor writes ${this.#name} */`;
  }

  held(lane: number): Held | undefined {
    return this.#held.get(lane);
  }

  /** After anything that went wrong: what rests, and whose the lanes are, is to be asked anew. */
  forget(): void {
    this.#held = new Map();
  }

  /** Claims those lanes that are not ours. */
  async take(lanes: readonly number[]): Promise<void> {
    const missing = lanes.filter((lane) => !this.#held.has(lane));
    if (missing.length === 0) return;
    const claim = randomUUID();
    const { writers, at } = this.#place;
    await this.#client.command({
      query: `INSERT INTO ${at(writers)} (history, lane, epoch, claim)
        SELECT ${literal(this.#history)}, arrayJoin([${missing.join(', ')}]), newest + 1, ${literal(claim)}
        FROM (SELECT max(epoch) AS newest FROM ${this.#place.all(writers)} WHERE history = ${literal(this.#history)})`,
    });
    await this.#othersDone();
    const { resting, lane: column, offset, only } = this.#claimed;
    const ends = await this.#ask<{ lane: number; next: string }>(
      `SELECT ${column} AS lane, toString(max(${offset}) + 1) AS next FROM ${resting}
        WHERE ${only === '' ? '' : `${only} AND `}${column} IN (${missing.join(', ')}) GROUP BY ${column}`,
    );
    const found = new Map(ends.map(({ lane, next }) => [Number(lane), BigInt(next)]));
    for (const lane of missing) this.#held.set(lane, { claim, next: found.get(lane) ?? 0n });
  }

  /** What the server is to find true of the lanes of an insert; where it is not, the insert fails and writes nothing. */
  condition(lanes: readonly number[]): string {
    const pairs = lanes.map((lane) => `(${lane}, ${literal(this.#held.get(lane)?.claim ?? '')})`);
    return `(SELECT throwIf(countIf((lane, owner) IN (${pairs.join(', ')})) != ${lanes.length}, ${literal(taken)})
      FROM (SELECT lane, argMax(claim, (epoch, claim)) AS owner FROM ${this.#place.all(this.#place.writers)}
        WHERE history = ${literal(this.#history)} AND lane IN (${lanes.join(', ')}) GROUP BY lane)) = 0`;
  }

  /** Resolves once no insert runs any more that ran when it was called. */
  async #othersDone(): Promise<void> {
    const running = async (which: string) =>
      (
        await this.#ask<{ id: string }>(
          `SELECT query_id AS id FROM ${this.#place.processes}
          WHERE position(query, concat('/* conductor writes ', ${literal(this.#name)}, ' */')) > 0 ${which}`,
        )
      ).map(({ id }) => literal(id));
    const until = performance.now() + patienceMs;
    let left = await running('');
    while (left.length > 0) {
      if (performance.now() > until) {
        throw new NotNow({
          what: `an insert into ${this.#history} has been running for ${patienceMs / 1_000} s: whether its rows come to rest is not known yet`,
          where: 'sinks.clickhouse',
          fix: 'wait, or end it on the server (KILL QUERY)',
        });
      }
      await pause(lookEveryMs);
      left = await running(`AND query_id IN (${left.join(', ')})`);
    }
  }

  async #ask<T>(query: string): Promise<T[]> {
    const result = await this.#client.query({ query, format: 'JSONEachRow' });
    return result.json<T>();
  }
}

const taken = 'conductor: another writer has claimed a lane';

const thrown = '395'; // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO. Other errors may quote the statement, and so these words.

/** Whether an insert failed because a lane of it is another's by now. */
export const isTaken = (error: unknown): boolean =>
  error instanceof ClickHouseError && error.code === thrown && error.message.includes(taken);
