import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { benchAnonymise } from '../bench/anonymise.ts';
import { benchBigTransaction } from '../bench/big-transaction.ts';
import { benchCapture } from '../bench/capture.ts';
import { debeziumDist } from '../bench/debezium-dist.ts';
import { benchDeliver } from '../bench/deliver.ts';
import { benchGovern } from '../bench/govern.ts';
import { benchLatency, latencySettings } from '../bench/latency.ts';
import { newestJava } from '../bench/newest-java.ts';
import { requirePgbench } from '../bench/pgbench.ts';
import { type Outcome, outcomeText } from '../bench/report.ts';
import { onSite, type Site } from '../bench/site.ts';
import { benchMeter, type MeterBench } from '../bench/meter.ts';
import { benchSnapshot } from '../bench/snapshot.ts';
import { benchSourceImpact, type SourceImpactBench } from '../bench/source-impact.ts';
import { benchVerify } from '../bench/verify.ts';
import { benchVerifyDelivery } from '../bench/verify-delivery.ts';
import { benchWay } from '../bench/way.ts';
import { type SinkName, sinkNames } from '../worker/sink-names.ts';
import { stopSignals } from '../stop-signals.ts';
import { home } from './config-file.ts';
import { positive } from './numbers.ts';

interface Json {
  readonly json?: boolean;
}

const progress = (line: string) => void process.stderr.write(`${line}\n`);

/** Adds `conductor bench`. */
export function benchCommands(program: Command): void {
  const bench = program
    .command('bench')
    .summary('measure it on this machine, beside what it is held against')
    .description(
      'Measures on a fresh PostgreSQL, Kafka and registry of its own, and takes them down. Figures of one run can be compared; those of two are of two machines. Let nothing else run meanwhile.',
    )
    .addHelpText(
      'after',
      `
Each prints a table, and whether the targets were met; with --json one object on stdout instead.

Examples:
  conductor bench capture --peer debezium
  conductor bench latency --rate 5000 --seconds 30
  conductor bench snapshot --json | jq .subject.rows_per_s`,
    );
  addCapture(bench);
  addGovern(bench);
  addDeliver(bench);
  addAnonymise(bench);
  addLatency(bench);
  addBigTransaction(bench);
  addSourceImpact(bench);
  addSnapshot(bench);
  addVerify(bench);
  addVerifyDelivery(bench);
  addWay(bench);
  addMeter(bench);
}

function addCapture(bench: Command): void {
  of(bench, 'capture', 'a backlog in a slot: written to Kafka, or only read')
    .option('--rows <n>', 'how many changes', positive, 1_500_000)
    .addOption(
      new Option('--peer <name>', 'measure this one too; 781 MB to download, once').choices([
        'debezium',
      ]),
    )
    .addHelpText('after', '\nExample:\n  conductor bench capture --peer debezium --json')
    .action(async ({ rows, peer, json }: Json & { rows: number; peer?: 'debezium' }) => {
      const debezium = peer
        ? { java: await newestJava(21), dist: await debeziumDist(progress) }
        : null;
      await measure('capture', json, (site) => benchCapture(site, { rows, debezium }));
    });
}

function addGovern(bench: Command): void {
  of(bench, 'govern', 'a topic of captured changes: opened, redacted, made tokens of')
    .option('--rows <n>', 'how many changes', positive, 1_500_000)
    .addHelpText('after', '\nExample:\n  conductor bench govern --rows 300000')
    .action(async ({ json, rows }: Json & { rows: number }) => {
      await measure('govern', json, (site) => benchGovern(site, { rows }));
    });
}

function addDeliver(bench: Command): void {
  of(bench, 'deliver', 'a governed topic brought to rest, or written there by hand')
    .addOption(new Option('--sink <name>', 'where to').choices(sinkNames).makeOptionMandatory())
    .option('--rows <n>', 'how many changes', positive, 1_500_000)
    .addHelpText('after', '\nExample:\n  conductor bench deliver --sink postgres --json')
    .action(async ({ json, sink, rows }: Json & { sink: SinkName; rows: number }) => {
      const work = (site: Site) => benchDeliver(site, { sink, rows });
      await measure('deliver', json, work, { also: sink === 'postgres' ? [] : [sink] });
    });
}

function addAnonymise(bench: Command): void {
  of(bench, 'anonymise', 'a topic of captured changes: told in regions of k subjects')
    .option('--rows <n>', 'how many changes', positive, 1_500_000)
    .addHelpText('after', '\nExample:\n  conductor bench anonymise --rows 300000')
    .action(async ({ json, rows }: Json & { rows: number }) => {
      await measure('anonymise', json, (site) => benchAnonymise(site, { rows }));
    });
}

function addLatency(bench: Command): void {
  of(bench, 'latency', 'from commit to Kafka, under an even load')
    .option('--rate <n>', 'rows a second', positive, 5_000)
    .option('--seconds <n>', 'how long', positive, 30)
    .addHelpText('after', '\nExample:\n  conductor bench latency --rate 2000')
    .action(async ({ json, ...load }: Json & { rate: number; seconds: number }) => {
      await measure('latency', json, (site) => benchLatency(site, load), {
        postgres: latencySettings,
      });
    });
}

function addBigTransaction(bench: Command): void {
  of(bench, 'big-transaction', 'one transaction of many rows, and the memory of capture')
    .option('--rows <n>', 'how many rows', positive, 5_000_000)
    .addHelpText('after', '\nExample:\n  conductor bench big-transaction --rows 1000000')
    .action(async ({ json, rows }: Json & { rows: number }) => {
      await measure('big-transaction', json, (site) => benchBigTransaction(site, { rows }));
    });
}

function addSourceImpact(bench: Command): void {
  of(bench, 'source-impact', 'what capture costs the database that it reads, by pgbench')
    .option('--scale <n>', "of pgbench's tables", positive, 10)
    .option('--pairs <n>', 'runs with capture and without', positive, 5)
    .option('--seconds <n>', 'how long each run is', positive, 20)
    .addHelpText('after', '\nExample:\n  conductor bench source-impact --pairs 9')
    .action(async ({ json, ...runs }: Json & SourceImpactBench) => {
      await requirePgbench();
      const work = (site: Site) => benchSourceImpact(site, runs);
      await measure('source-impact', json, work, { isAside: true });
    });
}

function addSnapshot(bench: Command): void {
  of(bench, 'snapshot', "capture's first copy of a table, or the table only read")
    .option('--rows <n>', 'how many rows', positive, 4_000_000)
    .addHelpText('after', '\nExample:\n  conductor bench snapshot --rows 500000')
    .action(async ({ json, rows }: Json & { rows: number }) => {
      await measure('snapshot', json, (site) => benchSnapshot(site, { rows }));
    });
}

function addVerify(bench: Command): void {
  of(bench, 'verify', 'an export verified from files, or only hashed')
    .option('--records <n>', 'how many records', positive, 10_000_000)
    .addHelpText('after', '\nExample:\n  conductor bench verify --records 1000000')
    .action(async ({ json, records }: Json & { records: number }) => {
      const [place, signal] = [join(home(), 'bench', 'verify'), stopSignals()];
      tell(await benchVerify({ home: place, records, signal, report: progress }), json);
    });
}

function addVerifyDelivery(bench: Command): void {
  of(bench, 'verify-delivery', 'what rests in a sink held against its governed topic')
    .addOption(new Option('--sink <name>', 'where').choices(sinkNames).makeOptionMandatory())
    .option('--rows <n>', 'how many changes, of which two thirds are rows', positive, 1_500_000)
    .addHelpText('after', '\nExample:\n  conductor bench verify-delivery --sink postgres --json')
    .action(async ({ json, ...wanted }: Json & { sink: SinkName; rows: number }) => {
      const work = (site: Site) => benchVerifyDelivery(site, wanted);
      const also = wanted.sink === 'postgres' ? [] : [wanted.sink];
      await measure('verify-delivery', json, work, { also });
    });
}

function addWay(bench: Command): void {
  of(bench, 'way', 'a backlog in a slot: brought to rest in the mirror and the warehouse at once')
    .option('--rows <n>', 'how many changes', positive, 1_500_000)
    .addHelpText('after', '\nExample:\n  conductor bench way --rows 300000')
    .action(async ({ json, rows }: Json & { rows: number }) => {
      const work = (site: Site) => benchWay(site, { rows });
      await measure('way', json, work, { also: ['clickhouse'] });
    });
}

function addMeter(bench: Command): void {
  of(bench, 'meter', 'usage from its topic to sums of the ledger, or inserted as it is')
    .option('--events <n>', 'how many events', positive, 1_500_000)
    .option(
      '--ledger <n>',
      'of how many events a month is generated and closed',
      positive,
      100_000_000,
    )
    .addHelpText('after', '\nExample:\n  conductor bench meter --events 300000 --ledger 1000000')
    .action(async ({ json, ...sizes }: Json & MeterBench) => {
      const work = (site: Site) => benchMeter(site, sizes);
      await measure('meter', json, work, { also: ['clickhouse'] });
    });
}

const of = (bench: Command, name: string, description: string): Command =>
  bench
    .command(name)
    .description(description)
    .option('--json', 'one JSON object, and nothing else on stdout');

async function measure(
  name: string,
  json: boolean | undefined,
  work: (site: Site) => Promise<Outcome>,
  site: Pick<Parameters<typeof onSite>[0], 'isAside' | 'also'> & {
    postgres?: Readonly<Record<string, string>>;
  } = {},
): Promise<void> {
  const place = join(home(), 'bench', name);
  const wanted = {
    home: place,
    signal: stopSignals(),
    report: progress,
    postgres: {},
    ...site,
  };
  tell(await onSite(wanted, work), json);
}

function tell(outcome: Outcome, json: boolean | undefined): void {
  if (!json) process.stdout.write(outcomeText(outcome));
  else {
    progress(outcomeText(outcome));
    process.stdout.write(`${JSON.stringify(outcome.report)}\n`);
  }
}
