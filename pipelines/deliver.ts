import type { Observable } from 'rxjs';
import type { Registry } from '../contracts/registry.ts';
import { tableOf } from '../contracts/topics.ts';
import { GovernedForm, type GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { schemaIdOf } from '../schemas/wire.ts';
import { besideLetters } from './flow/beside.ts';
import type { Batching } from './flow/into.ts';
import { intoLanes } from './flow/lanes.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, type Processor, pull, type Pulling, type Refused } from './flow/stage.ts';
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
}

/** `gov.*` → one sink; what it can never take → `dlq.deliver-<sink>`. */
export function deliver(
  { governed, rest, letters }: DeliverEnds,
  registry: Registry,
  { pulling, batching, writers = 1 }: Delivering,
): Observable<number> {
  const writing = { ...batching, writers, laneOf: ({ lane }: GovernedRecord) => lane };
  return besideLetters(letters, (refused) =>
    pull(governed, pulling).pipe(
      each(formed(registry), refused),
      intoLanes(rest, writing, refused),
    ),
  );
}

/** Finds the schema that each record came in, and the table that its topic is of. */
export function formed(registry: Registry): Processor<Received, GovernedRecord> {
  const forms = new Map<number, GovernedForm>();
  const tables = new Map<string, string>();
  return ({ topic, partition: lane, offset, key, value }) => {
    const id = value === null ? null : schemaIdOf(value);
    const form = id === null ? null : (forms.get(id) ?? formOf(registry, id, forms));
    if (!value || !form) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    let table = tables.get(topic);
    if (table === undefined) tables.set(topic, (table = tableOf(topic)));
    return [{ topic, table, lane, offset, key, value, form }];
  };
}

function formOf(registry: Registry, id: number, forms: Map<number, GovernedForm>) {
  const type = registry.type(id);
  if (!type) return null;
  const form = new GovernedForm(type);
  forms.set(id, form);
  return form;
}
