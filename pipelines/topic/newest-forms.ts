import type { BaseOptions } from '@platformatic/kafka';
import type { Registry } from '../../contracts/registry.ts';
import { schemaTopic } from '../../contracts/topics.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import { topicNames } from './admin.ts';
import { learning } from './learning.ts';
import { tails } from './tail.ts';

const everything = 1n << 62n;

interface Form {
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** The types of each table's columns, as the schema topic has told them last: nothing of a table that was not captured yet. */
export async function newestForms(
  kafka: BaseOptions,
  registry: Registry,
  { database, partitions }: { readonly database: string; readonly partitions: number },
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const topic = schemaTopic(database);
  const forms = new Map<string, ReadonlyMap<string, string>>();
  if (!(await topicNames(kafka)).includes(topic)) return forms;
  const lanes = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const records = await tails(kafka, lanes, everything);
  await learning(registry)(records);
  for (const { value } of records) {
    const type = value && registry.type(schemaIdOf(value) ?? -1);
    if (!type || !value) continue;
    const { table, columns } = type.fromBuffer(value.subarray(5)) as Form; // A table has one lane, in order.
    forms.set(table, new Map(columns.map((column) => [column.name, column.type])));
  }
  return forms;
}
