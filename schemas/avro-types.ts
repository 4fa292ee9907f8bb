import avro, { type Type } from 'avsc';
import { unchanged } from './value.ts';

/** A logical type whose values read as the server's text: what it is, and the digits after a decimal's point. */
export interface Logical {
  readonly name:
    | 'date'
    | 'time-micros'
    | 'timestamp-micros'
    | 'local-timestamp-micros'
    | 'decimal'
    | 'uuid';
  readonly scale: number;
}

class UnchangedType extends avro.types.LogicalType {
  protected override _fromValue(): unknown {
    return unchanged;
  }
  protected override _toValue(value: unknown): unknown {
    return value === unchanged ? {} : undefined;
  }
  protected override _resolve(): undefined {
    return undefined;
  }
}

/** Reads a long as a BigInt: a bigint column outgrows a JavaScript number. */
const makeBigLong = () =>
  avro.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64LE(value);
      return buffer;
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
  });

const bigLong = makeBigLong();
const logicals = new WeakMap<Type, Logical>();

/** Values of a logical type pass through `avsc` as they are written: a day's number, microseconds, bytes. */
const marked = (type: Type, logical: Logical): Type => {
  logicals.set(type, logical);
  return type;
};

const longs: ReadonlyMap<unknown, Type> = new Map(
  (['time-micros', 'timestamp-micros', 'local-timestamp-micros'] as const).map((name) => [
    name,
    marked(makeBigLong(), { name, scale: 0 }),
  ]),
);
const date = marked(avro.Type.forSchema('int'), { name: 'date', scale: 0 });
const uuid = marked(avro.Type.forSchema('string'), { name: 'uuid', scale: 0 });

export const logicalTypes = { unchanged: UnchangedType };

/** Finds the type of a schema that `avsc` would read otherwise, or not exactly. */
export function typeHook(schema: unknown): Type | undefined {
  if (schema === 'long') return bigLong;
  if (typeof schema !== 'object' || schema === null || !('type' in schema)) return undefined;
  const logical = 'logicalType' in schema ? schema.logicalType : undefined;
  if (schema.type === 'long') return longs.get(logical) ?? bigLong;
  if (schema.type === 'int' && logical === 'date') return date;
  if (schema.type === 'string' && logical === 'uuid') return uuid;
  if (schema.type !== 'bytes' || logical !== 'decimal') return undefined;
  const scale = 'scale' in schema ? Number(schema.scale) : 0;
  return marked(avro.Type.forSchema('bytes'), { name: 'decimal', scale });
}

/** What the values of a type mean; undefined if they are what they are. */
export const logicalOf = (type: Type): Logical | undefined => logicals.get(type);
