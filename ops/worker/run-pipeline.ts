import { holdToContracts, type InForce, runsByContracts } from './contracts-in-force.ts';
import { guest } from './guest.ts';
import { keepRunning } from './keep-running.ts';
import type { Opened } from './opened.ts';
import { openPipeline, type PipelineName } from './pipelines.ts';
import type { Setting } from './setting.ts';

/** Runs a pipeline until it ends or `signal` aborts, and beside it what it owes from its first opening on. */
export async function runPipeline(
  name: PipelineName,
  setting: Setting,
  signal: AbortSignal,
): Promise<void> {
  await using beside = new AsyncDisposableStack();
  // By then, whatever contracts say now.
  const isGoverned =
    ['prove', 'verify', 'transactions', 'meter'].includes(name) || name.startsWith('deliver');
  const contracts = isGoverned ? null : await holdToContracts(setting.config);
  let isOpenedFirst = true;
  const open = async () => {
    const opened = await openPipeline(name, setting);
    if (isOpenedFirst && contracts) await inForce(opened, contracts, setting);
    if (isOpenedFirst && name === 'capture') beside.use(guest(setting));
    isOpenedFirst = false;
    return opened;
  };
  await keepRunning(open, setting.counters, signal);
}

/** What cannot be noted is not run by. */
async function inForce(opened: Opened, contracts: InForce, { config }: Setting): Promise<void> {
  try {
    await runsByContracts(config, contracts);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}
