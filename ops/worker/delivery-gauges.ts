import { Gauge, type Registry } from 'prom-client';
import type { Verified } from '../../pipelines/delivered/verified.ts';

/** What came of holding what rests in sinks against what was governed. */
export class DeliveryGauges {
  readonly #differs: Gauge<'sink' | 'table'>;
  readonly #verified: Gauge<'sink' | 'table'>;

  constructor(registry: Registry) {
    const labelNames = ['sink', 'table'] as const;
    const registers = [registry];
    this.#differs = new Gauge({
      name: 'conductor_delivery_differs',
      help: 'Rows of a table that rest in a sink otherwise than they were governed, when they were last looked at.',
      labelNames,
      registers,
    });
    this.#verified = new Gauge({
      name: 'conductor_delivery_verified_timestamp_seconds',
      help: 'When a table in a sink was last held against what was governed; 0 where it never was.',
      labelNames,
      registers,
    });
  }

  /** A table is to be verified in a sink: until it is, its time is told to be 0. */
  expect(sink: string, table: string): void {
    this.#verified.inc({ sink, table }, 0);
  }

  record({ sink, table, counts }: Verified): void {
    const differing = Object.values(counts).reduce((sum, count) => sum + count, 0);
    this.#differs.set({ sink, table }, differing);
    this.#verified.set({ sink, table }, Date.now() / 1_000);
  }
}
