import { Reader, readRecord } from '@platformatic/kafka';
import avro from 'avsc';
import type { TableContract } from '../../contracts/contract.ts';
import type { Registry } from '../../contracts/registry.ts';
import { changeShape, governedShape } from '../../contracts/shapes.ts';
import { changesTopic, governedTopic } from '../../contracts/topics.ts';
import { header, type Received } from '../../pipelines/topic/received.ts';
import type { Marks } from '../../processors/dedupe.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import type { TablePlans } from '../../contracts/policy/table-plans.ts';
import { redactedColumns } from '../../processors/redact.ts';
import { sealless } from '../../processors/seal-column.ts';
import type { Tokeniser } from '../../processors/tokens.ts';
import { avroOptions, changeSchema, governedSchema } from '../../schemas/avro.ts';
import type { Change, Governed } from '../../schemas/change.ts';
import type { Records } from '../../schemas/records.ts';
import { keyText } from '../../schemas/value.ts';
import { decodeGoverned, encodeChange, encodeGoverned } from '../../schemas/wire.ts';

/** A registry of what one table's topics hold: 1 for changes, 2 for governed ones. */
export function registryOf(of: TableContract): Registry {
  const types = new Map([
    [1, typeOf(changeSchema(changeShape(of)))],
    [2, typeOf(governedSchema(governedShape(of)))],
  ]);
  return {
    register: () => Promise.reject(new Error('nothing is registered here')),
    learn: () => Promise.resolve(),
    type: (id) => types.get(id),
  };
}

const known = new WeakMap<TableContract, avro.Type>(); // To compile one takes longer than to write a record.

const typeOf = (schema: object) => avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });

export function changeRecord(of: TableContract, change: Change, offset = 0n): Received {
  const shape = changeShape(of);
  let type = known.get(of);
  if (!type) known.set(of, (type = typeOf(changeSchema(shape))));
  const value = encodeChange({ id: 1, type }, shape, change);
  return record(changesTopic('shop', of.table), change, { value, offset });
}

export function governedRecord(of: TableContract, change: Governed, offset = 0n): Received {
  const shape = governedShape(of);
  const value = encodeGoverned({ id: 2, type: typeOf(governedSchema(shape)) }, shape, change);
  return record(governedTopic('shop', of.table), change, { value, offset });
}

const record = (
  topic: string,
  { lane, key }: Change | Governed,
  { value, offset }: { readonly value: Buffer; readonly offset: bigint },
): Received => ({
  topic,
  partition: lane,
  offset,
  key: key && Buffer.from(keyText(key)),
  value,
  headers: [],
});

/** How the changes of a table leave govern. */
export function formOf(plans: TablePlans, tokens: Tokeniser) {
  const { form } = plans;
  const shape = governedShape(form);
  const schema = { id: 2, type: typeOf(governedSchema(shape)) };
  const columns = (plan: PlannedContract) => redactedColumns(plan, tokens, form);
  return {
    plans,
    columns,
    seals: sealless,
    shape,
    schema,
    topic: governedTopic('shop', form.table),
  };
}

/** The governed changes in records as govern writes them, read by a client that is not ours. */
export function releasedIn({ partition, count, bytes }: Records, of: TableContract) {
  const reader = Reader.from(bytes);
  const type = typeOf(governedSchema(governedShape(of)));
  return Array.from({ length: count }, () => {
    const { value, headers } = readRecord(reader) as Pick<Received, 'headers'> & { value: Buffer };
    const marks = header({ headers }, 'marks');
    return {
      change: decodeGoverned(type, value, { table: of.table, lane: partition }),
      marks: marks === null ? null : (JSON.parse(marks) as Marks),
    };
  });
}
