import type { Observable } from 'rxjs';
import type { LedgerRow } from '../schemas/ledger-row.ts';
import { besideLetters } from './flow/beside.ts';
import { type Batching, into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, type Processor, pull, type Pulling, type Refused } from './flow/stage.ts';
import { summing } from './meter/summing.ts';
import type { Received } from './topic/received.ts';

export interface MeterEnds {
  readonly usage: Source<Received>;
  readonly ledger: Sink<LedgerRow>;
  readonly letters: Sink<Refused<Received | LedgerRow>>;
}

interface Metering {
  readonly metered: Processor<Received, LedgerRow>;
  readonly pulling: Pulling;
  readonly batching: Batching<LedgerRow>;
  /** Brings the sums up to the ledger, as far as one pass goes; tells whether there is more. */
  readonly sumUp: () => Promise<boolean>;
}

/** `usage`, `gov.*` → the ledger, and beside it the sums that are made of it; what is no usage → `dlq.meter`. */
export function meter(
  { usage, ledger, letters }: MeterEnds,
  { metered, pulling, batching, sumUp }: Metering,
): Observable<number> {
  const flow = besideLetters(letters, (refused) =>
    pull(usage, pulling).pipe(each(metered, refused), into(ledger, batching, refused)),
  );
  return summing(flow, sumUp, pulling.signal);
}
