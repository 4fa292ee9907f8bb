import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { printComparison } from '../demo/compare.ts';
import { loadDemo } from '../demo/load.ts';
import { runTraffic } from '../demo/traffic.ts';
import { lagOf } from '../lag.ts';
import { nativeStack } from '../stack/native.ts';
import { stopSignals } from '../stop-signals.ts';
import { compareAll, type Demo, startDemo } from '../start/demo.ts';
import { untilSettled } from '../start/settled.ts';
import { type Sight, stageLines } from '../start/stage-lines.ts';
import { home } from './config-file.ts';
import { positive } from './numbers.ts';

interface StartFlags {
  readonly once?: boolean;
  readonly keep?: boolean;
  readonly changes: number;
  readonly rate: number;
}

const print = (line: string) => void process.stdout.write(`${line}\n`);

/** Adds `conductor start`: the whole way, to look at. */
export function startCommands(program: Command): void {
  program
    .command('start')
    .summary('everything on an embedded stack, with live data')
    .description(
      'Brings the embedded stack up, creates a demo shop with live traffic, and runs every pipeline.',
    )
    .option(
      '--once',
      'feed a fixed load, wait until it is settled, compare source and sinks, stop everything',
    )
    .option('--keep', 'with --once: leave the stack and its data')
    .option('--changes <n>', 'with --once: how many changes to feed', positive, 20_000)
    .option('--rate <n>', 'changes a minute of the live traffic', positive, 6_000)
    .addHelpText('after', '\nExample:\n  npm start -- --once --keep')
    .action((flags: StartFlags) => (flags.once ? once(flags) : live(flags)));
}

async function once({ changes, keep = false }: StartFlags): Promise<void> {
  const stop = stopSignals();
  const place = home();
  const provider = nativeStack(place);
  let demo: Demo | null = null;
  try {
    demo = await startDemo(place, provider, print);
    const { config, contracts, shopUrl } = demo;
    const fed = await loadDemo(shopUrl, { changes });
    print(
      `load       ${fed.inserts} inserts, ${fed.updates} updates, ${fed.deletes} deletes committed`,
    );
    const startedMs = performance.now();
    await untilSettled(config, contracts, { report: () => {}, signal: stop });
    print(
      `settled    ${((performance.now() - startedMs) / 1_000).toFixed(1)} s after the last commit`,
    );
    await demo.workers[Symbol.asyncDispose]();
    const comparison = await compareAll(config, contracts);
    printComparison(comparison, print);
    if (!comparison.equal) process.exitCode = 1;
  } finally {
    await demo?.[Symbol.asyncDispose]();
    if (keep) print(whereToLook(place));
    else {
      await provider.down({ wipe: demo?.isNew ?? false });
      if (demo?.isNew) await rm(place, { recursive: true, force: true });
      print('stopped');
    }
  }
}

async function live({ rate }: StartFlags): Promise<void> {
  const stop = stopSignals();
  const place = home();
  const provider = nativeStack(place);
  await using demo = await startDemo(place, provider, print);
  print(whereToLook(place));
  print(`traffic    ${rate} changes a minute; Ctrl-C stops the pipelines and the stack\n`);
  const traffic = keepTraffic(demo.shopUrl, rate, stop);
  try {
    await watch(demo, stop);
  } finally {
    await traffic;
    print('stopping');
    await demo.workers[Symbol.asyncDispose]();
    await provider.down({ wipe: false });
  }
}

/** Lets the shop live; where its database goes away, until it is back. */
async function keepTraffic(url: string, changesPerMinute: number, signal: AbortSignal) {
  while (!signal.aborted) {
    await runTraffic(url, { changesPerMinute, signal }).catch(() => null);
    if (!signal.aborted) await wait(1_000, undefined, { signal }).catch(() => {});
  }
}

/** Keeps the stage lines up to date: in place on a terminal, a block every ten seconds in a file. */
async function watch({ workers, config, contracts }: Demo, stop: AbortSignal): Promise<void> {
  const inPlace = process.stdout.isTTY;
  let before: Sight | null = null;
  while (!stop.aborted) {
    const lag = await lagOf(config, contracts).catch(() => null);
    if (lag) {
      const now: Sight = { atMs: performance.now(), states: await workers.states(), lag };
      const lines = stageLines(before, now);
      if (inPlace && before) process.stdout.write(`\u001B[${lines.length}A\u001B[J`);
      print(lines.join('\n'));
      before = now;
    }
    await wait(inPlace ? 2_000 : 10_000, undefined, { signal: stop }).catch(() => {});
  }
}

function whereToLook(place: string): string {
  const folder = relative(process.cwd(), place) || '.';
  return [
    `servers    ${join(folder, 'stack.json')}   (conductor status)`,
    `settings   ${join(folder, 'conductor.yaml')}   (conductor lag)`,
    `logs       ${join(folder, 'logs')}`,
  ].join('\n');
}
