import type { Type, types } from 'avsc';
import { AvroCursor } from './avro-cursor.ts';
import { positionText } from './position.ts';
import { Refusal } from './refusal.ts';
import { decodeGoverned, schemaIdOf } from './wire.ts';

/** What the front of a governed value says, whatever its schema. */
export interface Front {
  readonly source: string; // Its server and its log.
  readonly position: string; // As text.
  readonly watermark: number;
}

/** What a manifest wants to know of a governed change, and no value of it. */
export interface GovernedHead extends Front {
  readonly schema: number;
  readonly policy: string;
}

/** Reads the front of a value: every schema of ours begins alike. Null for what is no value of ours. */
export function frontOf(value: Buffer): Front | null {
  if (schemaIdOf(value) === null) return null;
  try {
    const cursor = new AvroCursor(value, 5);
    const start = cursor.at;
    cursor.skipSized();
    cursor.skipSized();
    const source = value.toString('latin1', start, cursor.at);
    const [timeline, lsn] = [cursor.number(), cursor.bigint()];
    const [seq, part] = [cursor.number(), cursor.number()];
    for (let skipped = 0; skipped < 3; skipped++) cursor.number(); // Op, transaction, commit time.
    const watermark = cursor.number();
    if (cursor.at > value.length || !isPlace(timeline, lsn, seq, part)) return null;
    return { source, position: positionText({ timeline, lsn, seq, part }), watermark };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Whether each number has as many digits as it has room for in text. */
const isPlace = (timeline: number, lsn: bigint, seq: number, part: number): boolean =>
  lsn >= 0n && lsn < 1n << 64n && [timeline, seq, part].every((n) => n >= 0 && n <= 0xffff_ffff);

/**
 * Reads heads by schemas that are known. The policy is at the end of a value: what is between is decoded only for a policy that was not seen before.
 */
export function governedHead(
  typeOf: (id: number) => Type | undefined,
): (value: Buffer) => GovernedHead | null {
  const endings = new Map<number, { readonly ending: Buffer; readonly policy: string }[]>();

  const policyOf = (schema: number, type: Type, value: Buffer): string => {
    const known = endings.get(schema) ?? [];
    for (const { ending, policy } of known)
      if (value.subarray(-ending.length).equals(ending)) return policy;
    const { policy } = decodeGoverned(type, value, { table: '', lane: 0 });
    const text = Buffer.from(policy);
    const ending = Buffer.concat([Buffer.from([text.length * 2]), text]); // As Avro writes it.
    const last = (type as types.RecordType).fields.at(-1)?.name;
    if (last === 'policy' && text.length < 64) endings.set(schema, [...known, { ending, policy }]);
    return policy;
  };

  return (value) => {
    const schema = schemaIdOf(value);
    const type = schema === null ? undefined : typeOf(schema);
    const front = frontOf(value);
    if (schema === null || !type || !front) return null;
    try {
      return { ...front, schema, policy: policyOf(schema, type, value) };
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  };
}
