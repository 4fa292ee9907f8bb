import { from, merge } from 'rxjs';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { FoldState } from '../../pipelines/delivered/fold-state.ts';
import { restsIn } from '../../pipelines/delivered/verify-table.ts';
import { type Opened, openAll } from './opened.ts';
import type { Setting } from './setting.ts';
import { verifiedSinks } from './verified-sinks.ts';
import { VerifyRounds } from './verify-rounds.ts';

/** Connects verify: what rests in every sink at one end, metrics and the log at the other. Each table again and again. */
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
    const rounds = new VerifyRounds(setting, verifying);
    return (signal) => merge(...sinks.map((sink) => from(rounds.of(sink, signal))));
  });

const nothingRests = () =>
  new CannotRun({
    what: 'no sink is configured: there is nothing to verify',
    where: 'sinks',
    fix: 'set the sinks that are delivered to, or do not run verify',
  });
