import avro from 'avsc';

/** A column of an image as its schema in the registry describes it. */
export interface PlainColumn {
  readonly name: string;
  readonly pgType: string;
  readonly logical: string | null;
  readonly scale: number;
}

/** A schema of the registry, and how plain Avro reads it: longs as BigInts, logical types as they are written. */
export interface PlainSchema {
  readonly id: number;
  readonly type: avro.Type;
  readonly key: readonly PlainColumn[];
  readonly row: readonly PlainColumn[];
}

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly pgType?: string;
}

interface Branch {
  readonly name?: string;
  readonly logicalType?: string;
  readonly scale?: number;
  readonly fields?: readonly Field[];
}

const big = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
});

const typeHook = (schema: unknown): avro.Type | undefined =>
  schema === 'long' || (schema as { readonly type?: unknown } | null)?.type === 'long'
    ? big
    : undefined;

const known = new Map<string, Promise<PlainSchema>>();

/** The schema that a registry has under a number, by plain fetch and plain `avsc`. */
export function schemaAt(registry: string, id: number): Promise<PlainSchema> {
  const name = `${registry}/schemas/ids/${id}`;
  const found = known.get(name) ?? load(name, id);
  known.set(name, found);
  return found;
}

async function load(url: string, id: number): Promise<PlainSchema> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the registry has no schema ${id}: ${answer.status}`);
  const { schema } = (await answer.json()) as { readonly schema: string };
  const parsed = JSON.parse(schema) as { readonly fields: readonly Field[] };
  const columns = (image: string) => {
    const field = parsed.fields.find(({ name }) => name === image);
    return branches(field?.type).flatMap(({ fields }) => fields?.map(columnOf) ?? []);
  };
  const type = avro.Type.forSchema(JSON.parse(schema), { wrapUnions: false, typeHook });
  return { id, type, key: columns('key'), row: columns('before') };
}

const branches = (type: unknown): readonly Branch[] =>
  (Array.isArray(type) ? type : [type]).filter((each) => typeof each === 'object' && each !== null);

function columnOf({ name, type, pgType = '' }: Field): PlainColumn {
  const logical = branches(type).find(
    ({ logicalType }) => logicalType !== undefined && logicalType !== 'unchanged',
  );
  return {
    name: name.startsWith('_x') ? Buffer.from(name.slice(2), 'hex').toString() : name,
    pgType,
    logical: logical?.logicalType ?? null,
    scale: logical?.scale ?? 0,
  };
}
