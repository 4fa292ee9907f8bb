import { sql } from '@databases/pg';
import {
  captureConfig,
  type CaptureConfig,
  createDatabases,
  type PromisedColumns,
} from './capture-config.ts';
import { liveCapture, prime } from './capture-process.ts';
import { withDatabase } from './database.ts';
import { rounded } from './figures.ts';
import { expectRows, recordsIn } from './growth.ts';
import { machineOf } from './machine.ts';
import { settleServer } from './orders.ts';
import { median, spread } from './percentile.ts';
import {
  fillPgbench,
  type Load,
  loadByPgbench,
  pgbenchClients,
  requirePgbench,
} from './pgbench.ts';
import { drainProcess } from './reading.ts';
import type { Outcome } from './report.ts';
import type { Site } from './site.ts';
import { copySlot, untilIdle } from './slots.ts';

export interface SourceImpactBench {
  readonly scale: number;
  readonly pairs: number;
  readonly seconds: number; // Of each run.
}

const wanted = 1.05;
const changesPerTransaction = 4; // Three updates and an insert.
const findingSeconds = 10;
const brokerWarmSeconds = 15;
const warmSeconds = 4; // At the same pace before each run, and not counted.
const drained = 'slot_drained';
/** How a guest is set up that shares a small machine with its source: the less it is woken, the less it takes. */
const guest = { niceness: 19, lingerMs: 100 };

/** What capture costs the database that it reads: pgbench at half of what it can do, with capture and without, in turn. */
export async function benchSourceImpact(
  site: Site,
  { scale, pairs, seconds }: SourceImpactBench,
): Promise<Outcome> {
  await requirePgbench();
  const url = await createDatabases(site);
  site.report(`load       pgbench, scale ${scale}`);
  await fillPgbench(site, scale);
  // Capture wants one of every table; this one only ever grows, so that it makes no difference to it.
  await withDatabase(url, (db) => db.query(sql`ALTER TABLE pgbench_history REPLICA IDENTITY FULL`));
  await settleServer(url);
  const config = await captureConfig(site, 'impact', tables, guest);
  await prime(site, config);
  const copied = await recordsIn(site, config.topics);

  await copySlot(config, drained);

  const most = await loadByPgbench(site, { seconds: findingSeconds, rate: null });
  const rate = Math.floor(most.perSecond / 2);
  site.report(
    `pgbench    ${Math.round(most.perSecond)} transactions/s at most, ${rate} from here on`,
  );
  const warming = await warmed(site, config, rate);
  const runs = await inTurn(site, config, { pairs, seconds, rate });
  await prime(site, config); // Takes in what was written while no capture ran.
  const all = [most, warming, ...runs.with, ...runs.without, ...runs.drained, ...runs.warming];
  const changes =
    all.reduce((sum, { transactions }) => sum + transactions, 0) * changesPerTransaction;
  await expectRows(site, config.topics, copied + changes);

  const ratio = medianP95(runs.with) / medianP95(runs.without);
  return {
    report: {
      bench: 'source-impact',
      machine: await machineOf(site),
      subject: figuresOf(runs.with),
      limit: figuresOf(runs.without),
      peers: { drained: figuresOf(runs.drained) },
    },
    names: { subject: 'pgbench, capture running', limit: 'pgbench alone' },
    targets: [
      { what: 'p95, with capture to without', got: ratio, wanted, is: 'at most', unit: '×' },
    ],
    notes: [
      `${pairs} pairs of ${seconds} s at ${rate} transactions/s, which is half of what it could do, ${pgbenchClients} clients; scale ${scale}.`,
      `Each figure is the median of its runs; a latency is from when the transaction was due. rows/s are transactions. The first ${warmSeconds} s are not counted.`,
      `The broker, as if it were on a machine of its own, and capture run in ${site.aside?.how ?? 'the groups of all others'}; worker.niceness is ${guest.niceness}, source.lingerMs ${guest.lingerMs}.`,
      'drained: the slot is read plainly and thrown away meanwhile, from the same group, as the least that any reader of it does.',
      `Pair by pair, p95 with and without: ${runs.with.map((load, n) => `${p95(load).toFixed(2)}/${p95(runs.without[n] ?? load).toFixed(2)}`).join('  ')} ms.`,
    ],
  };
}

/** A broker that has just been started compiles its code for as long as it is new to it: not what a source has to bear. */
async function warmed(site: Site, config: CaptureConfig, rate: number): Promise<Load> {
  await using capture = await liveCapture(site, config);
  const load = await loadByPgbench(site, { seconds: brokerWarmSeconds, rate });
  await capture.stop('SIGTERM');
  return load;
}

interface Runs {
  readonly with: readonly Load[];
  readonly without: readonly Load[];
  readonly drained: readonly Load[];
  readonly warming: readonly Load[];
}

/** Pairs of runs, each pair beginning with what the one before ended with, so that a drift of the machine meets both. */
async function inTurn(
  site: Site,
  config: CaptureConfig,
  {
    pairs,
    seconds,
    rate,
  }: { readonly pairs: number; readonly seconds: number; readonly rate: number },
): Promise<Runs> {
  const runs = {
    with: [] as Load[],
    without: [] as Load[],
    drained: [] as Load[],
    warming: [] as Load[],
  };
  const load = async () => {
    runs.warming.push(await loadByPgbench(site, { seconds: warmSeconds, rate }));
    return loadByPgbench(site, { seconds, rate });
  };
  const withCapture = async () => {
    await using capture = await liveCapture(site, config);
    runs.with.push(await Promise.race([load(), capture.fell()]));
    await capture.stop('SIGTERM');
  };
  const withDrain = async () => {
    await using drain = await liveDrain(site, config);
    runs.drained.push(await Promise.race([load(), drain.fell()]));
    await drain.stop('SIGKILL');
    await untilIdle(config, drained);
  };
  for (let pair = 1; pair <= pairs; pair++) {
    if (pair % 2 === 1) await withCapture();
    runs.without.push(await load());
    if (pair % 2 === 0) await withCapture();
    await withDrain();
    site.report(
      `pair ${pair}/${pairs}`.padEnd(11) +
        `p95 ${p95(runs.with.at(-1)).toFixed(2)} ms with, ${p95(runs.without.at(-1)).toFixed(2)} ms without, ${p95(runs.drained.at(-1)).toFixed(2)} ms drained`,
    );
  }
  return runs;
}

/** A plain reader of a slot of its own, which has read what was written before. */
async function liveDrain(site: Site, { url, publication }: CaptureConfig) {
  await withDatabase(url, (db) =>
    db.query(sql`SELECT pg_replication_slot_advance(${drained}, pg_current_wal_lsn())`),
  );
  return drainProcess(site, { url, slot: drained, publication, rows: Number.MAX_SAFE_INTEGER });
}

const p95 = (load: Load | undefined): number => spread(load?.latenciesMs ?? []).p95_ms;

const medianP95 = (loads: readonly Load[]): number => median(loads.map(p95));

function figuresOf(loads: readonly Load[]) {
  const spreads = loads.map(({ latenciesMs }) => spread(latenciesMs));
  return rounded({
    rows_per_s: median(loads.map(({ perSecond }) => perSecond)),
    p50_ms: median(spreads.map(({ p50_ms }) => p50_ms)),
    p95_ms: median(spreads.map(({ p95_ms }) => p95_ms)),
    p99_ms: median(spreads.map(({ p99_ms }) => p99_ms)),
  });
}

const int = { type: 'integer' } as const;
const key = { type: 'integer', key: true } as const;
const table = (name: string, columns: PromisedColumns) => ({
  table: `public.pgbench_${name}`,
  columns,
});

/** The tables of pgbench, as a contract promises them. */
const tables = [
  table('accounts', { aid: key, bid: int, abalance: int, filler: { type: 'character(84)' } }),
  table('branches', { bid: key, bbalance: int, filler: { type: 'character(88)' } }),
  table('tellers', { tid: key, bid: int, tbalance: int, filler: { type: 'character(84)' } }),
  table('history', {
    tid: int,
    bid: int,
    aid: int,
    delta: int,
    mtime: { type: 'timestamp without time zone' },
    filler: { type: 'character(22)' },
  }),
];
