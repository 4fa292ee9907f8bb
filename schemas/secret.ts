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

export const decodeSecret = (text: string): Secret => JSON.parse(text, decodeValue) as Secret;

type Tagged = { readonly $: 'bigint' | 'number' | 'unchanged' | 'bytes'; readonly text: string };

function encodeValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return tag('bigint', `${value}`);
  if (value instanceof Uint8Array) return tag('bytes', Buffer.from(value).toString('base64'));
  if (typeof value === 'number' && !isPlain(value)) return tag('number', `${value}`);
  return value === unchanged ? tag('unchanged', '') : value;
}

function decodeValue(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$' in value)) return value;
  return untag(value as Tagged);
}

const tag = ($: Tagged['$'], text: string): Tagged => ({ $, text });

function untag({ $, text }: Tagged): Value | Unchanged {
  if ($ === 'bigint') return BigInt(text);
  return $ === 'number' ? Number(text) : unchanged;
}

const isPlain = (value: number) => Number.isFinite(value) && !Object.is(value, -0);
