import type { Verified } from '../../pipelines/delivered/verified.ts';
import type { AnonymityFigures } from '../../pipelines/anonymity/figures.ts';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Ledger } from '../../pipelines/flow/ledger.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import type { Refused } from '../../pipelines/flow/stage.ts';
import { AnonymityGauges } from './anonymity-gauges.ts';
import { DeliveryGauges } from './delivery-gauges.ts';
import { type NoiseMetrics, noiseMetrics } from './noise-metrics.ts';
import { isRunningOut, type WalBudget } from '../../pipelines/wal/wal-budget.ts';
import { type PolicyCounters, policyMetrics } from './policy-counters.ts';

/** What a pipeline counts while it runs. */
export interface Counters {
  readonly pipeline: string;
  readonly policy: PolicyCounters;
  settled(values: number): void;
  retried(): void;
  /** A transaction of a sink begins again, because another one had what it wanted. */
  contended(): void;
  erased(): void;
  running(now: boolean): void;
  refusedTable(table: string): void;
  /** Whether a contracted table is not published, so that nothing of it is captured. */
  unpublished(table: string, now: boolean): void;
  /** What came of holding a table against its topic. */
  compared(table: string, isEqual: boolean): void;
  /** A table is to be verified in a sink. */
  delivering(sink: string, table: string): void;
  /** What came of holding what rests in a sink against what was governed. */
  delivered(verified: Verified): void;
  /** Manifests that were written. */
  proved(manifests: number): void;
  /** How many records of a stream wait to be proved. */
  unproved(stream: string, records: number): void;
  watch(ledger: Ledger): void;
  /** What is settled waits for its checkpoint, or waits no more. */
  recording(isDue: boolean): void;
  walBudget(budget: WalBudget): void;
  /** What a window of a dataset came to. */
  anonymised(figures: AnonymityFigures): void;
  /** How much of its quota of dead letters is used, from 0 to 1. */
  lettersUsed(share: number): void;
  /** Counts what a sink of letters takes, by reason. */
  letters<T>(sink: Sink<Refused<T>>): Sink<Refused<T>>;
  /** Those of datasets with noise. */
  noise(): NoiseMetrics;
}

interface State {
  settled: number;
  refused: number;
  running: boolean;
  dueSinceMs: number | null; // Since when something settled has not been recorded.
}

const msSince = (ms: number | null): number => (ms === null ? 0 : performance.now() - ms);

/** The metrics of one worker, and the counters of each of its pipelines. */
export class Metrics {
  readonly registry = new Registry();
  readonly #settled = this.#counter('conductor_settled_total', 'Changes settled.');
  readonly #retries = this.#counter(
    'conductor_retries_total',
    'Times a pipeline began again after an outage.',
  );
  readonly #contended = this.#counter(
    'conductor_contended_total',
    'Transactions of a sink that began again, because another one had what they wanted.',
  );
  readonly #erased = this.#counter(
    'conductor_erased_total',
    'Changes withheld because their subject was erased.',
  );
  readonly #running = this.#gauge(
    'conductor_running',
    'Whether the pipeline runs (1) or waits to try again (0).',
  );
  readonly #values = this.#gauge('conductor_in_flight_changes', 'Changes not settled yet.');
  readonly #bytes = this.#gauge('conductor_in_flight_bytes', 'Bytes of changes not settled yet.');
  readonly #oldest = this.#gauge(
    'conductor_oldest_unsettled_seconds',
    'How long the oldest unsettled change has waited.',
  );
  readonly #walRetained = this.#gauge(
    'conductor_wal_retained_bytes',
    'WAL that the source keeps for the slot.',
  );
  readonly #walBudget = this.#gauge(
    'conductor_wal_budget_bytes',
    'WAL that the source keeps before it invalidates the slot; absent where only the disk is a limit.',
  );
  readonly #walUsed = this.#gauge(
    'conductor_wal_budget_used_ratio',
    'Share of that budget which is used.',
  );
  readonly #walLeft = this.#gauge(
    'conductor_wal_budget_seconds_left',
    'When the budget is used up at the present rate.',
  );
  readonly #walWarning = this.#gauge(
    'conductor_wal_budget_warning',
    'Whether that budget is running out (1): four fifths are used, or the slot is not safe any more.',
  );
  readonly #unrecorded = this.#gauge(
    'conductor_unrecorded_seconds',
    'How long what is settled has waited for its checkpoint.',
  );
  readonly #refused = this.#counter(
    'conductor_refused_total',
    'Changes that became dead letters.',
    'reason',
  );
  readonly #lettersUsed = this.#gauge(
    'conductor_letters_used_ratio',
    'Share of the quota of dead letters that is used: at 1 the pipeline stops.',
  );
  readonly #refusedTables = this.#counter(
    'conductor_refused_schema_total',
    'Times a table came in a form whose changes are refused until a person accepts it.',
    'table',
  );
  readonly #unpublished = this.#gauge(
    'conductor_table_unpublished',
    'Whether a table under contract is not published, or not there (1): nothing of it is captured.',
    'table',
  );
  readonly #differs = this.#gauge(
    'conductor_copy_differs',
    'Whether a table differed from its topic (1) once it was copied.',
    'table',
  );
  readonly #policy = policyMetrics(this.registry);
  readonly #anonymity = new AnonymityGauges(this.registry);
  #delivery: DeliveryGauges | null = null; // Workers that do not verify have none.
  #noise: NoiseMetrics | null = null; // Workers without such datasets have none.
  readonly #manifests = this.#counter(
    'conductor_manifests_total',
    'Manifests written: segments of streams that are proved.',
  );
  readonly #unproved = this.#gauge(
    'conductor_unproved_records',
    'Governed records that no manifest covers yet.',
    'stream',
  );
  readonly #ledgers = new Map<string, Ledger>();
  readonly #states = new Map<string, State>();

  constructor() {
    collectDefaultMetrics({ register: this.registry }); // CPU, memory and event loop of the worker.
  }

  /** What a person wants to know at a glance, pipeline by pipeline. */
  states() {
    return [...this.#states].map(([pipeline, { dueSinceMs, ...state }]) => ({
      pipeline,
      ...state,
      oldestMs: this.#ledgers.get(pipeline)?.oldestMs() ?? 0,
      unrecordedMs: msSince(dueSinceMs),
    }));
  }

  of(pipeline: string): Counters {
    const state: State = { settled: 0, refused: 0, running: false, dueSinceMs: null };
    this.#states.set(pipeline, state);
    this.#settled.inc({ pipeline }, 0);
    this.#retries.inc({ pipeline }, 0);
    this.#running.set({ pipeline }, 0);
    return {
      pipeline,
      policy: this.#policy(pipeline),
      settled: (values) => {
        state.settled += values;
        this.#settled.inc({ pipeline }, values);
      },
      retried: () => this.#retries.inc({ pipeline }),
      contended: () => this.#contended.inc({ pipeline }),
      erased: () => this.#erased.inc({ pipeline }),
      running: (now) => {
        state.running = now;
        this.#running.set({ pipeline }, now ? 1 : 0);
      },
      refusedTable: (table) => this.#refusedTables.inc({ pipeline, table }),
      unpublished: (table, now) => this.#unpublished.set({ pipeline, table }, now ? 1 : 0),
      compared: (table, isEqual) => this.#differs.set({ pipeline, table }, isEqual ? 0 : 1),
      delivering: (sink, table) => this.#delivered().expect(sink, table),
      delivered: (verified) => this.#delivered().record(verified),
      proved: (manifests) => this.#manifests.inc({ pipeline }, manifests),
      unproved: (stream, records) => this.#unproved.set({ pipeline, stream }, records),
      watch: (ledger) => void this.#ledgers.set(pipeline, ledger),
      recording: (isDue) =>
        (state.dueSinceMs = isDue ? (state.dueSinceMs ?? performance.now()) : null),
      walBudget: (budget) => this.#setWalBudget(pipeline, budget),
      anonymised: (figures) => this.#anonymity.record(figures),
      noise: () => (this.#noise ??= noiseMetrics(this.registry)),
      lettersUsed: (share) => this.#lettersUsed.set({ pipeline }, share),
      letters: (sink) => ({
        name: sink.name,
        write: async (batch) => {
          await sink.write(batch);
          state.refused += batch.length;
          for (const { refusal } of batch) this.#refused.inc({ pipeline, reason: refusal.reason });
        },
        [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
      }),
    };
  }

  /** The text that Prometheus reads, as of now. */
  async text(): Promise<string> {
    for (const [pipeline, ledger] of this.#ledgers) {
      this.#values.set({ pipeline }, ledger.inFlight.values);
      this.#bytes.set({ pipeline }, ledger.inFlight.bytes);
      this.#oldest.set({ pipeline }, ledger.oldestMs() / 1_000);
    }
    for (const [pipeline, { dueSinceMs }] of this.#states)
      if (this.#ledgers.has(pipeline))
        this.#unrecorded.set({ pipeline }, msSince(dueSinceMs) / 1_000);
    return this.registry.metrics();
  }

  #delivered(): DeliveryGauges {
    return (this.#delivery ??= new DeliveryGauges(this.registry));
  }

  #setWalBudget(pipeline: string, budget: WalBudget): void {
    this.#walRetained.set({ pipeline }, budget.retainedBytes);
    this.#walWarning.set({ pipeline }, isRunningOut(budget) ? 1 : 0);
    if (budget.budgetBytes === null) {
      for (const gauge of [this.#walBudget, this.#walUsed, this.#walLeft])
        gauge.remove({ pipeline });
      return;
    }
    this.#walBudget.set({ pipeline }, budget.budgetBytes);
    this.#walUsed.set({ pipeline }, budget.usedRatio);
    this.#walLeft.set({ pipeline }, budget.secondsLeft);
  }

  #counter<More extends string = never>(name: string, help: string, ...more: readonly More[]) {
    return new Counter({ name, help, ...this.#with(more) });
  }

  #gauge<More extends string = never>(name: string, help: string, ...more: readonly More[]) {
    return new Gauge({ name, help, ...this.#with(more) });
  }

  #with<More extends string>(more: readonly More[]) {
    return { labelNames: ['pipeline' as const, ...more], registers: [this.registry] };
  }
}
