import { hash } from 'node:crypto';
import type { Change, Decoded, Governed } from '../schemas/change.ts';
import type { DeadLetter } from '../schemas/dead-letter.ts';
import { changeId, positionText } from '../schemas/position.ts';
import { encodeValues } from '../schemas/secret.ts';
import { keyText } from '../schemas/value.ts';
import type { Captured } from '../processors/transcode/output.ts';
import type { Refused } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

/** The letter of a change that was refused after it was decoded. */
export function letterOfChange(
  pipeline: string,
  { value, refusal }: Refused<Decoded | Change | Governed>,
): DeadLetter {
  return {
    id: changeId(value.system, value.log, value.position),
    pipeline,
    reason: refusal.reason,
    message: refusal.message,
    table: value.table,
    origin: `${value.log}@${positionText(value.position)}`,
    lane: value.lane,
    key: value.key && 'provenance' in value ? Buffer.from(keyText(value.key)) : null,
    payload: Buffer.from(encodeValues(value)),
  };
}

/** The letter of a change that capture could not pass on. */
export function letterOfCaptured(pipeline: string, { value }: Refused<Captured>): DeadLetter {
  if ('refusal' in value) return letterOfChange(pipeline, value);
  throw new TypeError(`records of ${value.topic} were refused`);
}

/** The letter of a record that was refused as it came from its topic. */
export function letterOfRecord(
  pipeline: string,
  { value, refusal }: Refused<Received>,
): DeadLetter {
  const { topic, partition, offset, key, headers } = value;
  const origin = `${topic}/${partition}@${offset}`;
  const record = {
    topic,
    partition,
    offset: `${offset}`,
    key: key?.toString('base64') ?? null,
    headers: headers.map((pair) => pair.map((part) => part?.toString('base64') ?? null)),
    value: value.value?.toString('base64') ?? null,
  };
  return {
    id: hash('sha256', origin, 'hex').slice(0, 32),
    pipeline,
    reason: refusal.reason,
    message: refusal.message,
    table: null,
    origin,
    lane: partition,
    key,
    payload: Buffer.from(JSON.stringify(record)),
  };
}
