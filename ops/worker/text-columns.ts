import type { Type, types } from 'avsc';
import { NotNow } from '../../contracts/cannot-run.ts';
import { governedColumns, type TableContract } from '../../contracts/contract.ts';
import type { Registry } from '../../contracts/registry.ts';
import { tableOf } from '../../contracts/topics.ts';
import { type AvroColumn, avroName, kindOf } from '../../schemas/avro.ts';
import { logicalOf } from '../../schemas/avro-types.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { Received } from '../../pipelines/topic/received.ts';

/** Columns that came as text though their contract has another type: a policy has narrowed them. */
export class TextColumns {
  readonly #contracts: ReadonlyMap<string, TableContract>;
  readonly #text = new Map<string, Set<string>>();
  readonly #looked = new Set<number>();

  constructor(contracts: ReadonlyMap<string, TableContract>) {
    this.#contracts = contracts;
  }

  /** The contracts as a sink must have them, to take what came so far. */
  widened(): readonly TableContract[] {
    return [...this.#contracts.values()].map((contract) => {
      const text = this.#text.get(contract.table);
      if (!text) return contract;
      const columns = contract.columns.map((column) =>
        text.has(column.name) && column.rule === 'keep'
          ? { ...column, rule: 'mask' as const }
          : column,
      );
      return { ...contract, columns };
    });
  }

  /** Throws where a schema of a batch has a column as text for the first time: the sink is then to be opened anew. */
  look(batch: readonly Received[], registry: Registry): void {
    for (const { topic, value } of batch) {
      const id = value && schemaIdOf(value);
      if (id === null || this.#looked.has(id)) continue;
      const type = registry.type(id);
      if (!type) continue;
      this.#looked.add(id);
      this.#learn(tableOf(topic), type);
    }
  }

  #learn(table: string, type: Type): void {
    const contract = this.#contracts.get(table);
    if (!contract) return;
    const known = this.#text.get(table) ?? new Set<string>();
    const came = governedColumns(contract).filter(
      (column) =>
        !known.has(column.name) && kindOf(column.type) !== 'string' && isText(type, column),
    );
    if (came.length === 0) return;
    const names = came.map(({ name }) => name);
    this.#text.set(table, new Set([...known, ...names]));
    throw new NotNow({
      what: `table ${table}: a policy has made ${names.join(', ')} text; the sink is opened anew for it`,
      where: 'the schema of its governed topic',
      fix: 'nothing: it goes on by itself',
    });
  }
}

/** Whether a schema has a column's values as plain text. */
function isText(type: Type, { name }: Pick<AvroColumn, 'name'>): boolean {
  const images = (type as types.RecordType).field('after')?.type as
    | types.UnwrappedUnionType
    | undefined;
  const row = images?.types.find((each) => each.typeName === 'record') as
    | types.RecordType
    | undefined;
  const value = row?.field(avroName(name))?.type as types.UnwrappedUnionType | undefined;
  const own = value?.types[1];
  return own?.typeName === 'string' && !logicalOf(own); // A uuid is a string of its own kind.
}
