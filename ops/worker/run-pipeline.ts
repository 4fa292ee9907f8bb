import { guest } from './guest.ts';
import { keepRunning } from './keep-running.ts';
import { openPipeline, type PipelineName } from './pipelines.ts';
import type { Setting } from './setting.ts';

/** Runs a pipeline until it ends or `signal` aborts, and beside it what it owes from its first opening on. */
export async function runPipeline(
  name: PipelineName,
  setting: Setting,
  signal: AbortSignal,
): Promise<void> {
  await using beside = new AsyncDisposableStack();
  let isOpenedFirst = true;
  const open = async () => {
    const opened = await openPipeline(name, setting);
    if (isOpenedFirst && name === 'capture') beside.use(guest(setting));
    isOpenedFirst = false;
    return opened;
  };
  await keepRunning(open, setting.counters, signal);
}
