/** A place in a log: an LSN in a replication slot, or an offset in a partition. */
export interface LogPosition {
  readonly log: string;
  readonly at: bigint;
}

/**
 * What one socket read or one fetch brought. Without values it only moves the position on: a
 * keepalive, a commit. Half a transaction carries the position before it, so that it is never
 * confirmed as a whole.
 */
export interface Delivery<T> {
  readonly position: LogPosition;
  readonly values: readonly T[];
  readonly bytes: number;
}

export interface Reading {
  readonly signal: AbortSignal;
  /** To be called when a log is no longer ours: what is in flight of it is not to be confirmed. */
  readonly revoked: (log: string) => void;
  /** Resolves when nothing of a revoked log is on its way to a sink any more. */
  readonly quiet: () => Promise<void>;
}

/** Where a pipeline begins. */
export interface Source<T> extends AsyncDisposable {
  /** Yields in log order from the last confirmed position, never reading ahead; ends on abort. */
  read(reading: Reading): AsyncIterable<Delivery<T>>;

  /** All up to and including `position` is durable downstream. Cheap: sources coalesce, and flush on disposal. */
  confirm(position: LogPosition): void;
}
