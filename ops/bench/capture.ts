import { captureConfig, createDatabases } from './capture-config.ts';
import { prime } from './capture-process.ts';
import { type Debezium, runDebezium } from './debezium.ts';
import { emptied } from './emptied.ts';
import type { Figures } from './figures.ts';
import { machineOf } from './machine.ts';
import {
  createOrders,
  loadBacklog,
  loadRows,
  ordersColumns,
  ordersTable,
  settleServer,
} from './orders.ts';
import { readAndThrowAway } from './reading.ts';
import { type Outcome, peakMemory, speed, type Target } from './report.ts';
import type { Site } from './site.ts';
import { copySlot, untilIdle } from './slots.ts';

export interface CaptureBench {
  readonly rows: number;
  readonly debezium: Debezium | null;
}

const drained = 'slot_drained';
const ofDebezium = 'slot_debezium';
const warmRows = 1_000_000; // A broker that has just been started compiles its code for as long as it is new to it.

/**
 * A backlog in a slot, and how fast each contender empties a slot of its own that holds it: capture, a
 * reader that throws it away, Debezium Server. All of them wrote or read every row, or nothing is said.
 */
export async function benchCapture(site: Site, { rows, debezium }: CaptureBench): Promise<Outcome> {
  const { report } = site;
  const url = await createDatabases(site);
  await createOrders(url);
  const orders = (sealed: boolean) => ({
    table: ordersTable,
    columns: ordersColumns(sealed),
    tenant: 'tenant_id',
    subject: 'customer_id',
  });
  const plain = await captureConfig(site, 'plain', [orders(false)]);
  const sealed = await captureConfig(site, 'sealed', [orders(true)]);
  for (const config of [plain, sealed]) await prime(site, config);
  report('warm up    so that nobody is the first to be served by cold servers');
  await loadRows(url, rows + 1, rows + Math.min(rows, warmRows));
  for (const config of [plain, sealed]) await prime(site, config);
  for (const slot of [drained, ofDebezium]) await copySlot(plain, slot);
  report(`load       ${rows} changes`);
  await loadBacklog(url, rows);
  await settleServer(url);

  const { publication } = plain;
  const drain = async (pauseMs: number) => {
    await untilIdle(plain, drained);
    const slot = { url, publication, slot: drained };
    return readAndThrowAway(site, 'drain', { ...slot, rows, 'pause-ms': pauseMs });
  };
  report('drain      reads the slot and throws it away');
  const before = await drain(0);
  const gulps = await drain(1);
  report('capture    writes it to Kafka');
  const subject = await emptied(site, plain, rows);
  report('capture    writes it to Kafka, the e-mail addresses sealed');
  const sealing = await emptied(site, sealed, rows);
  if (debezium) report('debezium   writes it to Kafka');
  const peer =
    debezium && (await runDebezium(site, debezium, { config: plain, slot: ofDebezium, rows }));
  report('drain      once more');
  const after = await drain(0);
  const [limit, slower] = faster(before, after) ? [before, after] : [after, before];

  return {
    report: {
      bench: 'capture',
      machine: await machineOf(site),
      subject,
      limit,
      peers: {
        drain_again: slower,
        drain_paced: gulps,
        capture_sealed: sealing,
        ...(peer ? { debezium: peer } : {}),
      },
    },
    names: { subject: 'capture', limit: 'drain' },
    targets: targetsOf({ subject, limit, sealing, peer }),
    notes: [
      `${rows} changes, two thirds inserts, one third updates, 10 columns, about 200 bytes a row.`,
      'rows/s of capture and Debezium: from the first record that the broker had to the last, looked at every 20 ms.',
      'drain reads the slot and throws it away, and is the faster of two; paced, it waits 1 ms after each read.',
      'rows/s of a drain: from the first message received to the last row. whole s: the process, its start included.',
    ],
  };
}

const faster = (one: Figures, other: Figures) => (one.rows_per_s ?? 0) > (other.rows_per_s ?? 0);

interface Contenders {
  readonly subject: Figures;
  readonly limit: Figures;
  readonly sealing: Figures;
  readonly peer: Figures | null;
}

function targetsOf({ subject, limit, sealing, peer }: Contenders): readonly Target[] {
  const times = (one: Figures, other: Figures) => (one.rows_per_s ?? 0) / (other.rows_per_s ?? 1);
  const ratio = { is: 'at least', unit: '×' } as const;
  return [
    speed('capture', subject, 200_000),
    { what: 'capture to drain', got: times(subject, limit), wanted: 1.5, ...ratio },
    ...(peer
      ? [{ what: 'capture to debezium', got: times(subject, peer), wanted: 5.5, ...ratio }]
      : []),
    { what: 'capture_sealed to capture', got: times(sealing, subject), wanted: 0.6, ...ratio },
    peakMemory(subject, 250),
  ];
}
