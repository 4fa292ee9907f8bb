import type { TableContract } from '../contracts/contract.ts';
import type { Registry } from '../contracts/registry.ts';
import { governedShape } from '../contracts/shapes.ts';
import { governedTopic } from '../contracts/topics.ts';
import { type AvroColumn, governedSchema } from '../schemas/avro.ts';
import type { Governed } from '../schemas/change.ts';
import { encodeGoverned } from '../schemas/wire.ts';

/** In the form of its contract; what a policy had made text, where the contract has something else, is text. Null where a value does not fit. */
export async function governedValue(
  { registry, database }: { readonly registry: Registry; readonly database: string },
  contract: TableContract,
  change: Governed,
): Promise<Buffer | null> {
  const { table, key, row } = governedShape(contract);
  const isText = ({ name, kind }: AvroColumn) =>
    numeric.has(kind) &&
    [change.before, change.after, change.key].some((each) => typeof each?.[name] === 'string');
  const asCame = (column: AvroColumn): AvroColumn =>
    isText(column) ? { ...column, type: 'text', kind: 'string' } : column;
  const shape = { table, key: key.map(asCame), row: row.map(asCame) };
  const text = [...shape.row, ...shape.key].map(({ kind }) => (kind === 'string' ? 't' : '-'));
  const form = `${contract.revision.slice(0, 12)}.${text.join('')}`;
  const subject = `retry.${governedTopic(database, change.table)}.${form}`;
  const schema = await registry.register(subject, governedSchema(shape));
  try {
    return encodeGoverned(schema, shape, change);
  } catch {
    return null; // The cause could quote it.
  }
}

/** Kinds none of whose values is a text. */
const numeric: ReadonlySet<string> = new Set(['int', 'long', 'float', 'double', 'boolean']);
