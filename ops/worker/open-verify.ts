import { setTimeout as wait } from 'node:timers/promises';
import { from } from 'rxjs';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { FoldState } from '../../pipelines/delivered/fold-state.ts';
import {
  restsIn,
  type VerifiedSink,
  verifyTable,
  type VerifyTable,
} from '../../pipelines/delivered/verify-table.ts';
import { log } from '../log.ts';
import { type Opened, openAll } from './opened.ts';
import type { Setting } from './setting.ts';
import { verifiedSinks } from './verified-sinks.ts';

/** Connects verify: what rests in every sink at one end, metrics and the log at the other. Each table in turn, again and again. */
export const openVerify = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka } = setting;
    const sinks = verifiedSinks(config);
    if (sinks.length === 0) throw nothingRests();
    for (const sink of sinks)
      for (const contract of contracts.values())
        if (restsIn(contract, sink)) setting.counters.delivering(sink.sink, contract.table);
    const state = stack.use(await FoldState.at(config.state.url));
    const verifying = {
      database: config.database,
      kafka,
      registry,
      contracts: [...contracts.values()],
      state,
      saves: true,
    };
    return (signal) => from(rounds(setting, verifying, sinks, signal));
  });

/** Yields after each table how many of its rows were verified. */
async function* rounds(
  setting: Setting,
  verifying: VerifyTable,
  sinks: readonly VerifiedSink[],
  signal: AbortSignal,
): AsyncGenerator<number> {
  const { contracts, config, untilCurrent } = setting;
  while (!signal.aborted) {
    for (const sink of sinks)
      for (const contract of contracts.values()) {
        if (signal.aborted) return;
        if (restsIn(contract, sink)) yield await verifiedRows(setting, verifying, contract, sink);
      }
    if (untilCurrent) return;
    await wait(config.verify.everySeconds * 1_000, undefined, { signal }).catch(() => {});
  }
}

/** What cannot be verified now is told, and its last verification grows old. */
async function verifiedRows(
  { counters }: Setting,
  verifying: VerifyTable,
  contract: TableContract,
  sink: VerifiedSink,
): Promise<number> {
  const { table } = contract;
  try {
    const verified = await verifyTable(verifying, contract, sink);
    const { equal, rows, counts, differences, partial, seconds } = verified;
    counters.delivered(verified);
    const said = { sink: sink.sink, table, rows, partial, seconds };
    if (equal) log.info(said, 'what rests is what was governed');
    else
      log.warn(
        { ...said, counts, differences: differences.slice(0, mostLogged), fix: fixOf(sink, table) },
        'what rests differs from what was governed',
      );
    return rows;
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    log.warn({ sink: sink.sink, table, error: error.message }, 'it could not be verified');
    return 0;
  }
}

const mostLogged = 10;

const fixOf = ({ sink }: VerifiedSink, table: string): string =>
  `conductor verify delivery --sink ${sink} --table ${table} names the rows; see ops/runbooks/delivery.md`;

const nothingRests = () =>
  new CannotRun({
    what: 'no sink is configured: there is nothing to verify',
    where: 'sinks',
    fix: 'set the sinks that are delivered to, or do not run verify',
  });
