import type { ConnectionPool } from '@databases/pg';
import { readAll, type ReadRecord } from '../way/records.ts';
import type { Way } from '../way/way.ts';
import { type PlainColumn, schemaAt } from './plain-avro.ts';
import { kept, type Moment, printer, type Text, textOf } from './texts.ts';

export type Op = 'insert' | 'update' | 'delete' | 'truncate';
export type Row = Readonly<Record<string, Text>>;

/** Where a change stands, as its record says. */
export interface Place {
  readonly system: string;
  readonly log: string;
  readonly timeline: number;
  readonly lsn: bigint;
  readonly seq: number;
  readonly part: number;
}

/** A change as a reader who is not ours has found it. */
export interface Seen extends Place {
  readonly table: string;
  readonly partition: number;
  readonly offset: number;
  readonly recordKey: string | null;
  readonly bytes: Buffer;
  readonly op: Op;
  readonly transaction: bigint;
  readonly committedAt: bigint;
  readonly watermark: bigint;
  readonly key: Row | null;
  readonly before: Row | null;
  readonly after: Row | null;
}

export type Values = Readonly<Record<string, unknown>>;

/** Reads a record by plain Avro. */
export async function plainly(way: Pick<Way, 'stack'>, { topic, value }: ReadRecord) {
  if (!value || value[0] !== 0) throw new Error(`${topic}: no zero before the schema's number`);
  const schema = await schemaAt(way.stack.registry.url, value.readInt32BE(1));
  return { schema, values: schema.type.fromBuffer(value.subarray(5)) as Values };
}

/** The topic of a table's changes; the names of tests need no escape. */
const topicOf = ({ name }: Pick<Way, 'name'>, table: string) => `cdc.${name}.${table}`;

/** All that the topics of tables hold, each lane in its own order. */
export async function seenIn(
  way: Pick<Way, 'name' | 'stack'>,
  tables: readonly string[],
  db: ConnectionPool,
): Promise<readonly Seen[]> {
  const found = await readAll(
    way.stack,
    tables.map((table) => topicOf(way, table)),
  );
  const half: Half[] = [];
  const moments: Moment[] = [];
  for (const record of found) half.push(await halfRead(way, record, moments));
  const print = await printer(db, moments);
  const row = (image: HalfRow | null): Row | null =>
    image &&
    Object.fromEntries(
      Object.entries(image).map(([name, text]) => [name, isMoment(text) ? print(text) : text]),
    );
  return half.map((each) => ({
    ...each,
    key: row(each.key),
    before: row(each.before),
    after: row(each.after),
  }));
}

type HalfRow = Readonly<Record<string, Text | Moment>>;
type Half = Omit<Seen, 'key' | 'before' | 'after'> & {
  readonly [Image in 'key' | 'before' | 'after']: HalfRow | null;
};

const isMoment = (text: Text | Moment): text is Moment =>
  typeof text === 'object' && text !== null && text !== (kept as unknown);

async function halfRead(
  way: Pick<Way, 'name' | 'stack'>,
  record: ReadRecord,
  moments: Moment[],
): Promise<Half> {
  const { schema, values } = await plainly(way, record);
  const image = (columns: readonly PlainColumn[], value: unknown): HalfRow | null => {
    if (value === null) return null;
    const given = Object.values(value as object) as readonly unknown[];
    const texts = columns.map((column, index) => textOf(column, given[index]));
    for (const text of texts) if (isMoment(text)) moments.push(text);
    return Object.fromEntries(columns.map(({ name }, index) => [name, texts[index] ?? null]));
  };
  return {
    table: record.topic.split('.').slice(2).join('.'),
    partition: record.partition,
    offset: Number(record.offset),
    recordKey: record.key?.toString() ?? null,
    bytes: record.value ?? Buffer.alloc(0),
    system: String(values['system']),
    log: String(values['log']),
    timeline: Number(values['timeline']),
    lsn: values['lsn'] as bigint,
    seq: Number(values['seq']),
    part: Number(values['part']),
    op: String(values['op']) as Op,
    transaction: values['transaction'] as bigint,
    committedAt: values['committedAt'] as bigint,
    watermark: values['watermark'] as bigint,
    key: image(schema.key, values['key']),
    before: image(schema.row, values['before']),
    after: image(schema.row, values['after']),
  };
}
