import type { Observable } from 'rxjs';
import type { Keyring } from '../contracts/keys/keyring.ts';
import type { Change, Decoded } from '../schemas/change.ts';
import { besideLetters } from './flow/beside.ts';
import { into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, type Processor, pull, type Pulling, type Refused } from './flow/stage.ts';

export interface CaptureEnds {
  readonly wal: Source<Decoded>;
  readonly changes: Sink<Change>;
  readonly letters: Sink<Refused<Decoded | Change>>;
}

/** WAL → sealed → `cdc.*`; the refused → `dlq.capture`. The slot is told what Kafka holds, and no more. */
export function capture(
  { wal, changes, letters }: CaptureEnds,
  { seal, pulling }: { readonly seal: Processor<Decoded, Change>; readonly pulling: Pulling },
): Observable<number> {
  return besideLetters(letters, (refused) =>
    pull(wal, pulling).pipe(
      each(seal, refused),
      into(changes, { size: 4_096, lingerMs: 0 }, refused),
    ),
  );
}

/** A sink that is written to only after the keys that its values were sealed with are durable. */
export function keysFirst<T>(keyring: Keyring, sink: Sink<T>): Sink<T> {
  return {
    name: sink.name,
    async write(batch) {
      await keyring.saved();
      await sink.write(batch);
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}
