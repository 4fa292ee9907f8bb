import avro from 'avsc';
import { governedTopic } from '../../contracts/topics.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import { type AvroColumn, avroOptions, governedSchema, kindOf } from '../../schemas/avro.ts';
import type { Governed } from '../../schemas/change.ts';
import { GovernedForm, type GovernedRecord } from '../../schemas/governed-record.ts';
import { type Key, keyText, type Row, unchanged } from '../../schemas/value.ts';
import { encodeGoverned } from '../../schemas/wire.ts';
import type { TableContract } from '../../contracts/contract.ts';

/** A sink to which tests hand changes: each comes to it as the record that govern writes of it. */
export function takingChanges(
  contracts: readonly TableContract[],
  sink: Sink<GovernedRecord>,
): Sink<Governed> {
  const record = recording(contracts);
  const known = new WeakMap<readonly Governed[], readonly GovernedRecord[]>();
  const recordsOf = (batch: readonly Governed[]) => {
    const records = known.get(batch) ?? batch.map(record);
    known.set(batch, records);
    return records;
  };
  return {
    name: sink.name,
    prepare: (batch) => sink.prepare?.(recordsOf(batch)),
    write: (batch, meanwhile) => sink.write(recordsOf(batch), meanwhile),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

/** Makes records of changes. A change has a form by its columns: one that speaks of others came in another schema. */
export function recording(
  contracts: readonly TableContract[],
): (change: Governed) => GovernedRecord {
  const forms = new Map<string, ReturnType<typeof formOf>>();
  return (change) => {
    const { table, lane, key, before, after, position } = change;
    const contract = contracts.find((each) => each.table === table);
    const columns = columnsOf(contract, [key, before, after]);
    const id = `${table} ${JSON.stringify(columns)}`;
    let form = forms.get(id);
    if (!form) forms.set(id, (form = formOf(table, columns, contract?.key ?? [])));
    return {
      topic: governedTopic('shop', table),
      table,
      lane,
      offset: position.lsn * 16n + BigInt(position.part), // The same change is the same record.
      key: key && Buffer.from(keyText(key)),
      value: encodeGoverned(form.schema, form.shape, change),
      form: form.form,
    };
  };
}

/** The columns that a change speaks of; all of the table's where it speaks of none. */
function columnsOf(
  contract: TableContract | undefined,
  images: readonly (Key | Row | null)[],
): readonly AvroColumn[] {
  const promised = contract?.columns ?? [];
  const told = new Set(images.slice(1).flatMap((image) => Object.keys(image ?? {})));
  const names = new Set([
    ...promised.map(({ name }) => name),
    ...told,
    ...Object.keys(images[0] ?? {}),
  ]);
  return [...names]
    .filter((name) => told.size === 0 || told.has(name))
    .map((name) => {
      const type = promised.find((column) => column.name === name)?.type ?? 'text';
      const holds = images.every((image) => fits(type, image?.[name]));
      return holds ? { name, type, kind: kindOf(type) } : { name, type: 'text', kind: 'string' };
    });
}

/** Whether a column of that type can say the value; a text can say any. */
function fits(type: string, value: unknown): boolean {
  if (value === null || value === undefined || value === unchanged) return true;
  const kind = kindOf(type);
  if (typeof value !== 'string') return kind !== 'string';
  return kind === 'string' || !['int', 'long', 'float', 'double', 'boolean'].includes(kind);
}

function formOf(table: string, row: readonly AvroColumn[], key: readonly string[]) {
  const shape = {
    table,
    row,
    key: key.flatMap((name) => row.find((each) => each.name === name) ?? []),
  };
  const schema = governedSchema(shape);
  const type = avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
  return { shape, schema: { id: 2, type }, form: new GovernedForm(type) };
}
