import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { writeFile } from 'node:fs/promises';
import { askWarehouse } from './ask-warehouse.ts';
import { type CaptureConfig, captureConfig, createDatabases } from './capture-config.ts';
import { workerProcess } from './capture-process.ts';
import { costs } from './deliver.ts';
import { wholeLife, written } from './deliver-run.ts';
import { machineOf } from './machine.ts';
import { ordersColumns, ordersTable } from './orders.ts';
import { freePorts } from '../stack/ports.ts';
import { throughDoor } from './meter-door.ts';
import { benchMonth } from './meter-month.ts';
import { type Outcome, peakMemory, speed } from './report.ts';
import type { Site } from './site.ts';

export interface MeterBench {
  readonly events: number;
  readonly ledger: number; // Events of a month that are generated in the ledger.
}

const topic = 'usage';

/** Nothing comes of it, but a worker runs by contracts. */
const orders = { table: ordersTable, columns: ordersColumns(false), tenant: 'tenant_id' };

const unitCosts = `unit_costs:
  graphql_call: 0.000002
  analytics_query: 0.0005
  storage_gb_day: { decimals: 9, price: 0.02 }
`;

/**
 * Usage from its topic to sums of the ledger, beside the same events inserted straight into a table and summed by who reads;
 * and what a large ledger is asked.
 */
export async function benchMeter(site: Site, sizes: MeterBench): Promise<Outcome> {
  const { events } = sizes;
  const { config, door: at } = await meteringAt(site);
  const { subject, plain, reading } = await counted(site, config, events);
  site.report('post       sends events to POST /v1/usage');
  const door = await throughDoor(site, config, at);
  const month = await benchMonth(site, config, sizes.ledger);
  const most = (what: string, got: number, wanted: number, unit: string) =>
    ({ what, got, wanted, is: 'at most', unit }) as const;
  return {
    report: {
      bench: 'meter',
      machine: await machineOf(site),
      subject,
      limit: plain,
      peers: { 'POST /v1/usage': door },
    },
    names: { subject: 'meter', limit: 'insert' },
    targets: [
      speed('meter', subject, 150_000),
      peakMemory(subject, 350),
      speed('POST /v1/usage', door, 20_000),
      most('POST /v1/usage, p99', door.p99_ms ?? Infinity, 50, 'ms'),
      most("a tenant's month", month.slowestMs, 300, 'ms'),
      most('close of a month', month.closeS, 60, 's'),
    ],
    notes: [
      `${events} CloudEvents of a thousand tenants over hours, one in a hundred late by days, one in a hundred told twice, one in a thousand a correction; rows/s over the whole life of each process, all sums made.`,
      `insert writes the same events into a table as they are, and sums when it is read. ${reading}`,
      'POST /v1/usage: batches of 200 events at an even pace over 16 connections, from when each was due.',
      `The month: ${sizes.ledger} events of a thousand tenants in the ledger, summed in ${month.sumS.toFixed(0)} s; the slowest of 20 tenants that asked for their own, and the close of all.`,
      costs(subject, events),
    ],
  };
}

/** A configuration that meters, and where its API will be. */
async function meteringAt(site: Site) {
  await createDatabases(site);
  const files = { unitCosts, allocations: 'allocations: {}\n' };
  const paths = Object.fromEntries(
    Object.keys(files).map((name) => [name, join(site.home, `${name}.yaml`)]),
  );
  for (const [name, text] of Object.entries(files))
    await writeFile(join(site.home, `${name}.yaml`), text);
  const key = randomBytes(32).toString('hex');
  const sources = [{ source: '/api/eu', keySha256: hash('sha256', key) }];
  const [port = 0] = await freePorts(1, new Set());
  const config = await captureConfig(site, 'metered', [orders], {
    sinks: { clickhouse: { ...site.stack.clickhouse, database: 'metered' } },
    more: { metering: { topic, ...paths, sources }, api: { port } },
  });
  return { config, door: { url: `http://127.0.0.1:${port}`, key } };
}

/** The meter, beside the same events in a plain table; rejects unless both come to the same. */
async function counted(site: Site, config: CaptureConfig, events: number) {
  const { stack, report } = site;
  const { file } = config;
  report(`load       ${events} events of usage`);
  const fill = { config: file, topic, events: `${events}` };
  await written(site, { program: 'usage', rows: events, flags: fill });
  report('meter      counts them');
  const subject = await wholeLife(site, events, () =>
    workerProcess(site, config, 'meter', { untilCurrent: true }),
  );
  report('insert     inserts them straight into a table');
  await askWarehouse(stack.clickhouse, plainTable);
  const flags = { config: file, topic, table: 'metered.plain' };
  const plain = await written(site, { program: 'usage-plainly', rows: events, flags });
  const ours = await timed(site, fromSums);
  const theirs = await timed(site, onRead);
  if (ours.said !== theirs.said)
    throw new CannotRun({
      what: 'the sums of the ledger are not what is found by reading all events',
      where: 'metered.usage_monthly',
      fix: 'find out why before any figure is believed; the logs are kept',
    });
  const reading = `All tenants' months: ${ours.ms.toFixed(0)} ms from sums, ${theirs.ms.toFixed(0)} ms there; both say the same.`;
  return { subject, plain, reading };
}

const fromSums =
  'SELECT tenant, unit, sum(quantity) AS used FROM metered.usage_monthly GROUP BY ALL ORDER BY ALL';

const plainTable = `CREATE TABLE metered.plain (
  id String, source LowCardinality(String), subject LowCardinality(String), time DateTime64(6, 'UTC'),
  data Tuple(unit String, quantity Decimal(38, 12), operation String, dataset String, region String, corrects String)
) ENGINE = MergeTree ORDER BY (subject, time)`;

/** What a reader of that table would have to write: each id once, and not what was corrected. */
const onRead = `SELECT subject AS tenant, said.1 AS unit, sum(said.2) AS used FROM (
    SELECT subject, source, id, any(data) AS said FROM metered.plain GROUP BY subject, source, id
  ) WHERE (subject, source, id) NOT IN (SELECT subject, source, data.corrects FROM metered.plain WHERE data.corrects != '')
  GROUP BY ALL ORDER BY ALL`;

async function timed({ stack }: Site, query: string) {
  const begun = performance.now();
  const said = await askWarehouse(stack.clickhouse, `${query} FORMAT TSV`);
  return { said: said.toString(), ms: performance.now() - begun };
}
