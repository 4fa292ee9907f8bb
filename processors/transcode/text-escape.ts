import type { Kind } from '../../schemas/avro.ts';

/** What a type has beyond its kind: it travels as text, and anything else is no value of the type. */
const escapes: Readonly<Partial<Record<Kind, RegExp>>> = {
  date: /^(-?infinity|\d{4,7}-\d\d-\d\d( BC)?)$/,
  time: /^\d\d:\d\d:\d\d(\.\d+)?$/,
  timestamp: /^(-?infinity|\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( BC)?)$/,
  timestamptz: /^(-?infinity|\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d(:\d\d){0,2}( BC)?)$/,
  decimal: /^(NaN|-?Infinity|-?\d+(\.\d+)?)$/,
};

/** Whether a text that its kind cannot hold is a value of the type all the same. */
export function isEscape(kind: Kind, data: Buffer, start: number, length: number): boolean {
  return escapes[kind]?.test(data.toString('latin1', start, start + length)) ?? false;
}
