import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { Turns } from '../../pipelines/backfill/turns.ts';
import {
  restsIn,
  type VerifiedSink,
  verifyTable,
  type VerifyTable,
} from '../../pipelines/delivered/verify-table.ts';
import { log } from '../log.ts';
import { backoff, isOutage, reasonOf } from './keep-running.ts';
import type { Setting } from './setting.ts';

/** A sink that does not answer has the others wait for it no longer than this. */
const longestTurnMs = 60_000;

/**
 * Verifies sinks beside each other, so that one's outage is none of another's: what was lost is tried again soon, until
 * it is back, and what was verified waits for the next round. Of all of them one table at a time, for a fold takes memory.
 */
export class VerifyRounds {
  readonly #setting: Setting;
  readonly #verifying: VerifyTable;
  readonly #turns = new Turns(longestTurnMs);
  readonly #lost = new Set<VerifiedSink>();

  constructor(setting: Setting, verifying: VerifyTable) {
    this.#setting = setting;
    this.#verifying = verifying;
  }

  /** Yields after each table of a sink how many of its rows were verified: for ever, or until each was verified once. */
  async *of(sink: VerifiedSink, signal: AbortSignal): AsyncGenerator<number> {
    const { contracts, config, untilCurrent } = this.#setting;
    const everyMs = config.verify.everySeconds * 1_000;
    const tables = [...contracts.values()].filter((contract) => restsIn(contract, sink));
    let due: readonly TableContract[] = tables;
    let [attempt, nextMs] = [0, 0];
    while (!signal.aborted) {
      const isWhole = due === tables;
      const lost: TableContract[] = [];
      for (const contract of due) {
        const rows = await this.#inTurn(contract, sink, signal);
        if (signal.aborted) return;
        if (rows === null) lost.push(contract);
        else yield rows;
      }
      if (isWhole) nextMs = performance.now() + everyMs;
      const isLost = lost.length > 0;
      this.#tellLost(sink, isLost);
      if (!isLost && untilCurrent) return;
      attempt = isLost ? attempt + 1 : 0;
      const roundMs = untilCurrent ? Infinity : Math.max(nextMs - performance.now(), 0);
      const soonMs = isLost ? backoff(attempt) : Infinity;
      await wait(Math.min(roundMs, soonMs), undefined, { signal }).catch(() => {});
      due = soonMs < roundMs ? lost : tables;
    }
  }

  /** The worker runs as it should while none is lost. */
  #tellLost(sink: VerifiedSink, isLost: boolean): void {
    if (isLost) this.#lost.add(sink);
    else this.#lost.delete(sink);
    this.#setting.counters.running(this.#lost.size === 0);
  }

  async #inTurn(
    contract: TableContract,
    sink: VerifiedSink,
    signal: AbortSignal,
  ): Promise<number | null> {
    const isOver = await this.#turns.take(signal);
    try {
      return signal.aborted ? null : await this.#verifiedRows(contract, sink);
    } finally {
      isOver();
    }
  }

  /** What cannot be verified now is told, and its last verification grows old; null where an outage was in the way. */
  async #verifiedRows(contract: TableContract, sink: VerifiedSink): Promise<number | null> {
    const { table } = contract;
    const { counters } = this.#setting;
    try {
      const verified = await verifyTable(this.#verifying, contract, sink);
      const { equal, rows, counts, differences, partial, seconds } = verified;
      counters.delivered(verified);
      const said = { sink: sink.sink, table, rows, partial, seconds };
      if (equal) log.info(said, 'what rests is what was governed');
      else
        log.warn(
          {
            ...said,
            counts,
            differences: differences.slice(0, mostLogged),
            fix: fixOf(sink, table),
          },
          'what rests differs from what was governed',
        );
      return rows;
    } catch (error) {
      const isLost = isOutage(error);
      if (!isLost && !(error instanceof CannotRun)) throw error;
      if (isLost) counters.retried();
      log.warn(
        { sink: sink.sink, table, error: reasonOf(error) },
        isLost ? 'it could not be verified; trying again' : 'it could not be verified',
      );
      return isLost ? null : 0;
    }
  }
}

const mostLogged = 10;

const fixOf = ({ sink }: VerifiedSink, table: string): string =>
  `conductor verify delivery --sink ${sink} --table ${table} names the rows; see ops/runbooks/delivery.md`;
