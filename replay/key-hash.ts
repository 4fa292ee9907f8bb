import { createHmac } from 'node:crypto';

/** What stands for the key of a letter: equal for equal keys, and told to nobody who lacks the secret. */
export type HashKey = (key: Buffer | string) => string;

/** Keyed by a secret of the keyring: whoever has the index alone cannot try keys. */
export const keyHashes =
  (secret: Buffer): HashKey =>
  (key) =>
    createHmac('sha256', secret).update(canonical(key.toString())).digest('hex').slice(0, 32);

/** However a key's JSON is spaced, and in whatever order its columns stand, it is the same key; other text is as it is. */
function canonical(text: string): string {
  try {
    const key = exactly(text);
    if (typeof key !== 'object' || key === null) return text.trim();
    const columns = Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(columns);
  } catch {
    return text.trim();
  }
}

/** A number of 64 bits is its digits: read as a number, two keys would become one. */
const exactly = (text: string): unknown =>
  JSON.parse(text, (...[, value, context]: [string, unknown, { source?: string }?]) => {
    if (typeof value === 'string') return `text ${value}`;
    return typeof value === 'number' ? `number ${context?.source}` : value;
  });
