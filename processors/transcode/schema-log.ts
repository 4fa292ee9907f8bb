import type { Registry } from '../../contracts/registry.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { lsnText } from '../../schemas/lsn.ts';
import type { Relation } from '../../schemas/relation.ts';
import { frame, type Registered } from '../../schemas/wire.ts';
import { laneOfKey } from '../lane.ts';
import type { LaneSlab } from './lane-slab.ts';
import type { Output } from './output.ts';

/** The schema of a table's form: what it looked like from a transaction on. */
const relationSchema = {
  type: 'record',
  name: 'Relation',
  namespace: 'conductor',
  fields: [
    { name: 'table', type: 'string' },
    { name: 'oid', type: 'long' },
    { name: 'lsn', type: 'string' }, // The commit of the first transaction that showed it.
    { name: 'identity', type: 'string' },
    {
      name: 'columns',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Column',
          fields: [
            { name: 'name', type: 'string' },
            { name: 'type', type: 'string' },
            { name: 'identity', type: 'boolean' },
          ],
        },
      },
    },
    { name: 'schema', type: ['null', 'int'], default: null }, // As the registry numbers it,
    { name: 'refused', type: ['null', 'string'], default: null }, // or why there is none.
  ],
} as const;

/** Writes the history of tables to the schema topic, each form before the first change in it. */
export class SchemaLog {
  readonly #registered: Registered;
  readonly #slabs: readonly LaneSlab[];
  readonly #output: Output;

  private constructor(registered: Registered, slabs: readonly LaneSlab[], output: Output) {
    this.#registered = registered;
    this.#slabs = slabs;
    this.#output = output;
  }

  static async open(
    registry: Registry,
    slabs: readonly LaneSlab[],
    output: Output,
  ): Promise<SchemaLog> {
    const topic = slabs[0]?.topic ?? '';
    return new SchemaLog(await registry.register(topic, relationSchema), slabs, output);
  }

  write(
    { table, oid, identity, columns }: Relation,
    lsn: bigint,
    became: { readonly schema: number | null; readonly refused: string | null },
  ): void {
    const at = lsnText(lsn);
    const value = frame(this.#registered, {
      table,
      oid: BigInt(oid),
      lsn: at,
      identity,
      columns,
      ...became,
    });
    const slab = this.#slabs[laneOfKey(Buffer.from(table), this.#slabs.length)];
    if (slab)
      this.#output.append(slab, bytesOf(JSON.stringify({ table, lsn: at })), bytesOf(value));
  }
}

function bytesOf(content: string | Buffer): Bytes {
  const source = Buffer.from(content);
  const bytes = new Bytes(source.length);
  bytes.copy(source, 0, source.length);
  return bytes;
}
