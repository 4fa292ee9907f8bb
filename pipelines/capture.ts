import type { Observable } from 'rxjs';
import { carriesChanges } from '../contracts/topics.ts';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Captured } from '../processors/transcode/output.ts';
import type { Records } from '../schemas/records.ts';
import { besideLetters } from './flow/beside.ts';
import { failpoint } from './flow/failpoint.ts';
import { into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, pull, type Pulling, type Refused } from './flow/stage.ts';

export interface CaptureEnds {
  readonly wal: Source<Captured>;
  readonly records: Sink<Records>;
  readonly letters: Sink<Refused<Captured>>;
}

/**
 * WAL → `cdc.*`; the refused → `dlq.capture`. The slot is told what Kafka holds, and no more. What
 * comes from the source is sealed and ready to be sent: rows move as bytes, lane by lane.
 */
export function capture(
  { wal, records, letters }: CaptureEnds,
  pulling: Pulling,
): Observable<number> {
  return besideLetters(letters, (refused) =>
    pull(wal, pulling).pipe(
      each(passing, refused),
      into(records, { size: 256, lingerMs: 0, weigh }, unexpected),
    ),
  );
}

/** Transactions and forms of tables are told beside the changes, and are none. */
const weigh = ({ topic, count }: Records): number => (carriesChanges(topic) ? count : 0);

function passing(captured: Captured): readonly Records[] {
  if ('refusal' in captured) throw captured.refusal;
  return [captured];
}

/** A row's size was looked at before it became a record; if its topic refuses it all the same, that is our mistake. */
const unexpected = {
  next({ values: [first] }: { readonly values: readonly Refused<Records>[] }): void {
    throw new TypeError('a record does not fit its topic', { cause: first?.refusal });
  },
};

/** A sink that is written to only after the keys that its values were sealed with are durable. */
export function keysFirst<T>(keyring: Keyring, sink: Sink<T>): Sink<T> {
  return {
    name: sink.name,
    async write(batch) {
      await keyring.saved();
      failpoint('producing');
      await sink.write(batch);
      failpoint('produced');
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}
