import { Counter, Gauge, type Registry } from 'prom-client';
import type { AnonymityFigures } from '../../pipelines/anonymity/figures.ts';

const labelNames = ['dataset'] as const;

/** What is seen of datasets from outside: how much is told, how well, and how late; and of how few. */
export class AnonymityGauges {
  readonly #rows;
  readonly #suppressed;
  readonly #loss;
  readonly #delay;
  readonly #waiting;
  readonly #regions;
  readonly #smallest;
  readonly #k;
  readonly #closed;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = <Label extends string>(name: string, help: string, labels: readonly Label[]) =>
      new Counter({ name, help, labelNames: [...labelNames, ...labels], registers });
    const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
    this.#rows = counter('conductor_anon_rows_total', 'Rows seen, released and retracted.', [
      'what',
    ]);
    this.#suppressed = counter(
      'conductor_anon_suppressed_total',
      'Rows that are not told, by reason.',
      ['reason'],
    );
    this.#loss = counter(
      'conductor_anon_loss_total',
      'The information loss (NCP, 0 to 1) of released rows, summed: divide it by those released.',
      [],
    );
    this.#delay = counter(
      'conductor_anon_delay_windows_total',
      'Windows that released rows waited, summed: divide it by those released.',
      [],
    );
    this.#waiting = gauge('conductor_anon_waiting_rows', 'Rows that wait for others like them.');
    this.#regions = gauge('conductor_anon_regions', 'Combinations in which anything is told.');
    this.#smallest = gauge(
      'conductor_anon_smallest_region',
      'Subjects in the smallest of them: never below k.',
    );
    this.#closed = gauge(
      'conductor_anon_closed_timestamp_seconds',
      "The end of the last window that was decided, in the log's own time.",
    );
    this.#k = gauge('conductor_anon_k', 'The k of the contract.');
  }

  record({ dataset, ...figures }: AnonymityFigures): void {
    const { rows, released, retracted } = figures;
    for (const [what, count] of Object.entries({ seen: rows, released, retracted }))
      this.#rows.inc({ dataset, what }, count);
    for (const [reason, count] of figures.suppressed)
      this.#suppressed.inc({ dataset, reason }, count);
    this.#loss.inc({ dataset }, figures.loss);
    this.#delay.inc({ dataset }, figures.delayWindows);
    this.#waiting.set({ dataset }, figures.waiting);
    this.#regions.set({ dataset }, figures.regions);
    this.#closed.set({ dataset }, figures.closedMicros / 1_000_000);
    this.#k.set({ dataset }, figures.k);
    if (figures.smallest === null) this.#smallest.remove({ dataset });
    else this.#smallest.set({ dataset }, figures.smallest);
  }
}
