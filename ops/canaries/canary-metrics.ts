import { Counter, Gauge, type Registry } from 'prom-client';
import type { Told } from './scan.ts';

/** The metrics of a scan that goes on. */
export interface CanaryMetrics extends Told {
  /** A round has come to the end of every topic. */
  ended(missed: number): void;
}

/** Counts, in a worker's metrics, what a scan for canaries finds. Each canary is there from the beginning, at zero. */
export function canaryMetrics(registry: Registry, canaries: readonly string[]): CanaryMetrics {
  const sighted = new Counter({
    name: 'conductor_canary_sighted_total',
    help: 'Times a canary, a value planted in a confidential column, stood in a record in the clear.',
    labelNames: ['canary'],
    registers: [registry],
  });
  const scanned = new Counter({
    name: 'conductor_canary_scanned_records_total',
    help: 'Records that were looked at for canaries.',
    labelNames: ['topic'],
    registers: [registry],
  });
  const missed = new Counter({
    name: 'conductor_canary_missed_records_total',
    help: 'Records that retention took before they were looked at for canaries.',
    registers: [registry],
  });
  const ended = new Gauge({
    name: 'conductor_canary_scan_ended_seconds',
    help: 'When every topic was last looked at to its end, in seconds of Unix time.',
    registers: [registry],
  });
  for (const canary of canaries) sighted.inc({ canary }, 0);
  return {
    sighted: ({ canary }) => sighted.inc({ canary }),
    scanned: (topic, records) => scanned.inc({ topic }, records),
    ended: (count) => {
      missed.inc(count);
      ended.setToCurrentTime();
    },
  };
}
