import type { Type, types } from 'avsc';
import { HeadReader } from './change-head.ts';
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

const heads = new HeadReader();

/** Reads the front of a value: every schema of ours begins alike. Null for what is no value of ours. */
export function frontOf(value: Buffer): Front | null {
  const head = schemaIdOf(value) === null ? null : heads.read(value);
  if (!head) return null;
  const { log, position, watermark } = head;
  return { source: log, position: positionText(position), watermark };
}

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
