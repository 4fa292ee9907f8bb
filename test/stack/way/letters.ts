import avro from 'avsc';
import { type ReadRecord, readAll } from './records.ts';
import type { Way } from './way.ts';

/** A value as its schema in the registry reads it, by plain fetch and plain Avro. */
export async function decoded(
  { stack }: Pick<Way, 'stack'>,
  { value }: ReadRecord,
): Promise<Readonly<Record<string, unknown>>> {
  if (!value || value[0] !== 0) throw new Error('a value without the zero before its schema id');
  const type = await typeOf(stack.registry.url, value.readInt32BE(1));
  return type.fromBuffer(value.subarray(5)) as Readonly<Record<string, unknown>>;
}

const types = new Map<number, avro.Type>();

async function typeOf(registry: string, id: number): Promise<avro.Type> {
  const known = types.get(id);
  if (known) return known;
  const answer = await fetch(`${registry}/schemas/ids/${id}`);
  const { schema } = (await answer.json()) as { readonly schema: string };
  const type = avro.Type.forSchema(JSON.parse(schema), { wrapUnions: false });
  types.set(id, type);
  return type;
}

/** The dead letters of a pipeline that come from this way: others write to the same topic. */
export async function lettersOf(way: Way, pipeline: string, origin: string) {
  const records = await readAll(way.stack, [`dlq.${pipeline}`]);
  const letters = await Promise.all(
    records.map(async (record) => ({ record, letter: await decoded(way, record) })),
  );
  return letters.filter(({ letter }) => String(letter['origin']).startsWith(origin));
}
