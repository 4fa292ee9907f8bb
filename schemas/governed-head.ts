import type { Type, types } from 'avsc';
import { AvroCursor } from './avro-cursor.ts';
import { Refusal } from './refusal.ts';
import { decodeGoverned, schemaIdOf } from './wire.ts';

/** What a manifest wants to know of a governed change, and no value of it. */
export interface GovernedHead {
  readonly schema: number;
  readonly watermark: number;
  readonly policy: string;
}

/**
 * Reads heads by schemas that are known. The watermark is at the beginning of a value and the policy at
 * its end: what is between is decoded only for a policy that was not seen before.
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
    if (schema === null || !type) return null;
    try {
      return { schema, watermark: watermarkOf(value), policy: policyOf(schema, type, value) };
    } catch (error) {
      if (error instanceof Refusal || error instanceof RangeError) return null;
      throw error;
    }
  };
}

/** Every governed schema begins alike: system, log, timeline, LSN, seq, part, op, transaction, committedAt, watermark. */
function watermarkOf(value: Buffer): number {
  const cursor = new AvroCursor(value, 5);
  cursor.skipSized();
  cursor.skipSized();
  for (let skipped = 0; skipped < 7; skipped++) cursor.number();
  return cursor.number();
}
