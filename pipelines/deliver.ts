import type { Observable } from 'rxjs';
import type { Registry } from '../contracts/registry.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { besideLetters } from './flow/beside.ts';
import type { Batching } from './flow/into.ts';
import { intoLanes } from './flow/lanes.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, pull, type Pulling, type Refused } from './flow/stage.ts';
import { forming } from './forming.ts';
import type { Received } from './topic/received.ts';

export interface DeliverEnds {
  readonly governed: Source<Received>;
  readonly rest: Sink<GovernedRecord>;
  readonly letters: Sink<Refused<Received | GovernedRecord>>;
}

interface Delivering {
  readonly pulling: Pulling;
  readonly batching: Batching<GovernedRecord>;
  readonly writers?: number; // How many batches are written at once.
  /** Told of each governed record as what it came. */
  readonly formed?: (record: GovernedRecord, came: Received) => void;
}

/** `gov.*` → one sink; what it can never take → `dlq.deliver-<sink>`. */
export function deliver(
  { governed, rest, letters }: DeliverEnds,
  registry: Registry,
  { pulling, batching, writers = 1, formed }: Delivering,
): Observable<number> {
  const writing = { ...batching, writers, laneOf: ({ lane }: GovernedRecord) => lane };
  return besideLetters(letters, (refused) =>
    pull(governed, pulling).pipe(
      each(forming(registry, formed), refused),
      intoLanes(rest, writing, refused),
    ),
  );
}
