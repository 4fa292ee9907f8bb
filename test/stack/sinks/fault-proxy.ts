/** What becomes of a write: it may not arrive, arrive twice, arrive after its sender gave up, or its answer gets lost. */
export type Fate = 'passes' | 'never arrives' | 'answer lost' | 'arrives twice' | 'arrives late';

/** Before a sink's server: decides for each write what becomes of it. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** How many writes met each fate. */
  readonly met: ReadonlyMap<Fate, number>;
  /** Delivers what was held back. */
  deliverLate(): Promise<void>;
}
