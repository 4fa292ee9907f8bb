import type { Registry } from '../contracts/registry.ts';
import { tableOf } from '../contracts/topics.ts';
import { GovernedForm, type GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { schemaIdOf } from '../schemas/wire.ts';
import type { Processor } from './flow/stage.ts';
import { type Origin, RecordInPlace } from './record-in-place.ts';
import type { Received, Retried } from './topic/received.ts';

/** Finds the schema that each record came in, and the table that its topic is of. */
export function forming(
  registry: Registry,
  formed: (record: GovernedRecord, came: Received) => void = () => {},
): Processor<Received, GovernedRecord> {
  const forms = new Map<number, GovernedForm>();
  let origin: Origin | null = null; // What follows each other is mostly of one origin.
  return (came) => {
    const { topic, partition: lane, offset, key, value, retried } = came;
    const id = value === null ? null : schemaIdOf(value);
    const form = id === null ? null : (forms.get(id) ?? formOf(registry, id, forms));
    if (!value || !form) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    if (origin?.form !== form || origin.lane !== lane || origin.topic !== topic)
      origin = { topic, table: tableOf(topic), lane, form };
    const at = retried ? offsetOf(retried) : offset;
    const record = new RecordInPlace(origin, at, key, value);
    formed(record, came);
    return [record];
  };
}

/** Sinks tell by its offset what they have of a lane: what comes again is at that at which it was refused. */
function offsetOf({ offset }: Retried): bigint {
  if (offset !== null) return offset;
  throw new Refusal('undecodable', 'a record that comes again does not tell its offset');
}

function formOf(registry: Registry, id: number, forms: Map<number, GovernedForm>) {
  const type = registry.type(id);
  if (!type) return null;
  const form = new GovernedForm(type);
  forms.set(id, form);
  return form;
}
