import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import type { Bound } from '../../replay/range.ts';
import type { RangeManifest } from '../../replay/range-manifest.ts';
import { replaysAt } from '../../replay/range-replays.ts';
import { bound, rangeOf, tablesOf } from '../replay/range-request.ts';
import {
  abandon,
  planned,
  type RangePlan,
  type RangeRequest,
  type RangeSetting,
  rangeSetting,
  rebuild,
} from '../replay/replay-range.ts';
import { stopSignals } from '../stop-signals.ts';
import { readContracts } from '../worker/setting.ts';
import { type SinkName, sinkNames } from '../worker/sink-names.ts';
import { configFile, configOption } from './config-file.ts';
import { positive } from './numbers.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly stream?: string;
  readonly from?: Bound;
  readonly to?: Bound;
  readonly tenant?: string;
  readonly into: SinkName;
  readonly merge?: boolean;
  readonly backfill?: boolean;
  readonly despiteRefused?: boolean;
  readonly rate?: number;
  readonly manifest?: string;
  readonly dryRun?: boolean;
  readonly abandon?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  conductor replay range --stream public.orders --into postgres
  conductor replay range --stream public.orders --into clickhouse --backfill --rate 20000
  conductor replay range --stream public.orders --from 16/B374D1C8 --to 16/B38004F0 --into postgres
  conductor replay range --from 3h --to 2h --tenant 7 --into postgres --dry-run
  conductor replay range --into neo4j

What is killed goes on when it is asked for again. How it is done, and what to look at: ops/runbooks/replay-range.md.`;

/** Adds `conductor replay range`. */
export function addReplayRange(replay: Command): void {
  replay
    .command('range')
    .summary('rebuild a sink, a table, a tenant, or the rows that changed in a range')
    .description(
      'Fills rows anew beside those that readers see, from all that the governed topic holds of them, while deliver goes on; then puts them in place. Without a range or a tenant all rows are rebuilt, and what should not be there is gone.',
    )
    .addOption(new Option('--into <sink>', 'where').choices(sinkNames).makeOptionMandatory())
    .option('--stream <name>', 'a table, or its governed topic (default: all that the sink has)')
    .option('--from <place>', 'rows that changed at this LSN or time, or later', bound)
    .option('--to <place>', 'rows that changed up to this LSN, or before this time', bound)
    .option('--tenant <tenant>', 'rows of this tenant')
    .option('--merge', 'mend all rows where they are, where a table would be switched')
    .option('--backfill', 'have capture copy the table first if the topic does not reach back')
    .option('--despite-refused', 'switch though the sink refuses some of the records')
    .option('--rate <n>', 'records a second, at most', positive)
    .option('--manifest <file>', 'write the signed manifest of what was done')
    .option('--dry-run', 'tell what would be done')
    .option('--abandon', 'give up what is under way; readers never saw it')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', examples)
    .action(replayRange);
}

async function replayRange(flags: Flags): Promise<void> {
  checked(flags);
  const config = await loadConfig(await configFile(flags.config));
  const contracts = await readContracts(config);
  await using replays = await replaysAt(config.state.url).catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', config.state.url);
  });
  const setting = await rangeSetting(config, contracts, { replays, report: warn });
  await using _ = setting.runs;
  const requests = tablesOf(config, contracts, { stream: flags.stream, into: flags.into }).map(
    (contract): RangeRequest => ({
      contract,
      range: rangeOf(contract, flags),
      sink: flags.into,
      merge: flags.merge ?? false,
      backfill: flags.backfill ?? false,
      despiteRefused: flags.despiteRefused ?? false,
      rate: flags.rate ?? null,
    }),
  );
  if (flags.abandon) return await abandonAll(setting, requests, flags);
  if (flags.dryRun) return await tellPlans(setting, requests, flags);
  const signal = stopSignals(() => warn('stopping; the same command goes on where this one was'));
  const manifests: RangeManifest[] = [];
  const signed: string[] = [];
  for (const request of requests) {
    const done = await rebuild(setting, request, signal).catch((error: unknown) => {
      if (signal.aborted) return null;
      throw error;
    });
    if (!done) return void (process.exitCode = 1); // It was told to stop, and has said so.
    manifests.push(done.manifest);
    signed.push(done.signed);
    if (!flags.json) print(doneText(done.manifest));
  }
  if (!config.provenance) warn('the manifest is not signed: provenance.signingKey is not set');
  if (flags.manifest !== undefined) await writeFile(flags.manifest, `${signed.join('\n')}\n`);
  if (flags.json) print(JSON.stringify({ replays: manifests }));
}

async function abandonAll(
  setting: RangeSetting,
  requests: readonly RangeRequest[],
  { json }: Flags,
): Promise<void> {
  const given: number[] = [];
  for (const request of requests) {
    const id = await abandon(setting, request);
    if (id !== null) given.push(id);
  }
  print(
    json
      ? JSON.stringify({ abandoned: given })
      : given.length > 0
        ? `given up: ${given.join(', ')}`
        : 'nothing was under way',
  );
}

async function tellPlans(
  setting: RangeSetting,
  requests: readonly RangeRequest[],
  { json }: Flags,
): Promise<void> {
  const plans: RangePlan[] = [];
  for (const request of requests) plans.push(await planned(setting, request));
  if (json) return print(JSON.stringify({ plans }));
  for (const { table, sink, range, how, records, obstacle } of plans) {
    print(`${table} → ${sink}, ${range}: ${records} records are read, then ${hows[how]}`);
    if (obstacle !== null) print(`  but ${obstacle}`);
  }
}

const hows = {
  switch: 'the table is switched in one step',
  merge: 'its rows are mended where they are',
} as const;

function doneText({ id, table, sink, range, how, written, refused, merged, kept }: RangeManifest) {
  const what = merged
    ? `${merged.rows} rows mended, ${merged.removed} removed`
    : `${how === 'switch' ? 'switched' : 'merged'}`;
  const not = Object.entries(refused).map(([reason, count]) => `${count} refused (${reason})`);
  const rest = kept === null ? [] : [`what it held before is ${kept}`];
  return [
    `${table} → ${sink}, ${range}: ${written} records, ${what}`,
    ...not,
    ...rest,
    `number ${id}`,
  ].join('; ');
}

/** Refuses what contradicts itself. */
function checked({ from, to, merge, into, tenant, abandon: gives, dryRun }: Flags): void {
  if (from && to && isBehind(from, to))
    throw new UsageError('--from is behind --to: nothing lies between them');
  const isRange = from !== undefined || to !== undefined || tenant !== undefined;
  if (merge && into === 'clickhouse' && !isRange)
    throw new UsageError('a whole table of ClickHouse is switched: leave --merge out');
  if (gives && dryRun) throw new UsageError('say one of --abandon and --dry-run');
}

function isBehind(from: Bound, to: Bound): boolean {
  if ('lsn' in from && 'lsn' in to) return from.lsn > to.lsn;
  return 'micros' in from && 'micros' in to && from.micros >= to.micros;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const warn = (line: string): void => void process.stderr.write(`conductor: ${line}\n`);
