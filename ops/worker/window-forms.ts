import { createHmac, type KeyObject } from 'node:crypto';
import type { AnonymousTable } from '../../pipelines/anonymity/sightings.ts';

/**
 * What the book of a dataset hangs on: its regions, by what names it knows subjects, and whose values it counts. Under
 * other names one counts as two.
 */
export const anonymousForm = ({ anon, tenant, subject }: AnonymousTable, key: KeyObject): string =>
  [
    anon.quasi_identifiers.join(', '),
    ...(anon.diversity ? [`values of ${anon.diversity.column}`] : []),
    `subjects ${subject?.domain ?? 'none'} of tenants ${tenant ?? 'none'}`,
    `under key ${fingerprintOf(key)}`,
  ].join('; ');

/** What published noise hangs on: drawn under another key it is another one, and so less of it for who sees both. */
export const noiseForm = (key: KeyObject): string => `noise under key ${fingerprintOf(key)}`;

/** Tells keys apart, and nothing of them. */
const fingerprintOf = (key: KeyObject): string =>
  createHmac('sha256', key).update('conductor.fingerprint').digest('hex').slice(0, 16);
