import { unchanged, type Row, type Unchanged, type Value } from './value.ts';

/** The confidential columns of a change, both images. */
export interface Secret {
  readonly before: Row | null;
  readonly after: Row | null;
}

/** Writes a secret so that every value comes back as it was, bigints and NaN included. */
export const encodeSecret = (secret: Secret): string => encodeValues(secret);

/** JSON in which every value comes back as it was. */
export const encodeValues = (values: object): string => JSON.stringify(values, encodeValue);

/** The values that such a JSON was made of. Without a bracket there is nothing in it that was tagged, and looking for it costs more than the rest. */
export const decodeValues = (text: string): unknown =>
  text.includes('[') ? JSON.parse(text, decodeValue) : JSON.parse(text);

export const decodeSecret = (text: string): Secret => decodeValues(text) as Secret;

/** A list, because no row holds one: whatever its columns are called, it is not taken for a value of ours. */
type Tagged = readonly [kind: 'bigint' | 'number' | 'unchanged' | 'bytes', text: string];

function encodeValue(
  this: Readonly<Record<string, unknown>>,
  name: string,
  value: unknown,
): unknown {
  const bytes = this[name]; // A Buffer makes JSON of itself before it comes here as `value`.
  if (bytes instanceof Uint8Array) return tag('bytes', Buffer.from(bytes).toString('base64'));
  if (typeof value === 'bigint') return tag('bigint', `${value}`);
  if (Object.is(value, -0)) return tag('number', '-0');
  if (typeof value === 'number' && !Number.isFinite(value)) return tag('number', `${value}`);
  return value === unchanged ? tag('unchanged', '') : value;
}

const decodeValue = (_: string, value: unknown): unknown =>
  Array.isArray(value) ? untag(value as unknown as Tagged) : value;

const tag = (...tagged: Tagged): Tagged => tagged;

function untag([kind, text]: Tagged): Value | Unchanged | Buffer {
  if (kind === 'bigint') return BigInt(text);
  if (kind === 'bytes') return Buffer.from(text, 'base64');
  return kind === 'number' ? Number(text) : unchanged;
}
