import type { Observable } from 'rxjs';
import type { Registry } from '../contracts/registry.ts';
import { tableOf } from '../contracts/topics.ts';
import type { Governed } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import { decodeValues } from '../schemas/secret.ts';
import { decodeGoverned, schemaIdOf } from '../schemas/wire.ts';
import { besideLetters } from './flow/beside.ts';
import { type Batching, into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, type Processor, pull, type Pulling, type Refused } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

export interface DeliverEnds {
  readonly governed: Source<Received>;
  readonly rest: Sink<Governed>;
  readonly letters: Sink<Refused<Received | Governed>>;
}

/** `gov.*` → one sink; what it can never take → `dlq.deliver-<sink>`. */
export function deliver(
  { governed, rest, letters }: DeliverEnds,
  registry: Registry,
  {
    pulling,
    batching,
    decoded = () => {},
  }: {
    readonly pulling: Pulling;
    readonly batching: Batching<Governed>;
    /** Told of which record each change was. */
    readonly decoded?: (change: Governed, record: Received) => void;
  },
): Observable<number> {
  return besideLetters(letters, (refused) =>
    pull(governed, pulling).pipe(
      each(decoding(registry, decoded), refused),
      into(rest, batching, refused),
    ),
  );
}

function decoding(
  registry: Registry,
  decoded: (change: Governed, record: Received) => void,
): Processor<Received, Governed> {
  const decode = changeOf(registry);
  return (record) => {
    const change = decode(record);
    decoded(change, record);
    return [change];
  };
}

function changeOf(registry: Registry): (record: Received) => Governed {
  return ({ topic, partition, value, retried }) => {
    if (retried && value && schemaIdOf(value) === null)
      return decodeValues(value.toString()) as Governed; // As its letter kept it.
    const type = value && registry.type(schemaIdOf(value) ?? -1);
    if (!type) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    return decodeGoverned(type, value, { table: tableOf(topic), lane: partition });
  };
}
