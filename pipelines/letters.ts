import { hash } from 'node:crypto';
import { tableOf } from '../contracts/topics.ts';
import type { Change, Governed } from '../schemas/change.ts';
import { changeOf, type GovernedRecord } from '../schemas/governed-record.ts';
import type { DeadLetter } from '../schemas/dead-letter.ts';
import { changeId, positionText } from '../schemas/position.ts';
import { encodeValues } from '../schemas/secret.ts';
import type { Refusal } from '../schemas/refusal.ts';
import { keyText } from '../schemas/value.ts';
import type { KeptChange } from '../processors/transcode/kept-change.ts';
import type { Captured } from '../processors/transcode/output.ts';
import type { Refused } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

/** The letter of a change that was refused after it was decoded. */
export function letterOfChange(
  pipeline: string,
  { value, refusal }: Refused<Change | Governed>,
): DeadLetter {
  return {
    ...openPart(pipeline, value, refusal),
    lane: value.lane,
    key: value.key && 'provenance' in value ? Buffer.from(keyText(value.key)) : null,
    payload: Buffer.from(encodeValues(value)),
  };
}

/** The letter of a change that capture could not pass on. */
export function letterOfCaptured(pipeline: string, { value }: Refused<Captured>): DeadLetter {
  if (!('refusal' in value)) throw new TypeError(`records of ${value.topic} were refused`);
  const { payload } = value.value;
  return { ...openPart(pipeline, value.value, value.refusal), lane: 0, key: null, payload };
}

/** What may be said of a change without its values. */
function openPart(
  pipeline: string,
  { system, log, position, table }: Omit<KeptChange, 'payload' | 'owners'>,
  { reason, message }: Refusal,
) {
  const id = changeId(system, log, position);
  const origin = `${log}@${positionText(position)}`;
  return { id, pipeline, reason, message, table, origin };
}

/** The letter of a record that was refused as it came from its topic. */
export function letterOfRecord(
  pipeline: string,
  { value, refusal }: Refused<Received>,
): DeadLetter {
  const { topic, partition, offset, key, headers, retried } = value;
  const origin = `${retried?.topic ?? topic}/${partition}@${offset}`;
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
    table: retried ? tableOf(topic) : null,
    origin,
    lane: partition,
    key,
    payload: Buffer.from(JSON.stringify(record)),
  };
}

/** The letter of a governed record: of the change that it tells, or of the record as it came where it tells none. */
export function letterOfGoverned(
  pipeline: string,
  { value, refusal }: Refused<GovernedRecord>,
): DeadLetter {
  if (refusal.reason !== 'undecodable') {
    const told = { ...changeOf(value), offset: value.offset };
    return letterOfChange(pipeline, { value: told, refusal });
  }
  const { topic, lane: partition, offset, key } = value;
  const came = { topic, partition, offset, key, value: value.value, headers: [] };
  return letterOfRecord(pipeline, { value: came, refusal });
}
