import { createHmac, type KeyObject } from 'node:crypto';
import { isConfidential } from '../../contracts/contract.ts';
import type { AnonymousTable } from '../../pipelines/anonymity/sightings.ts';
import { tokenDomain } from '../../processors/tokens.ts';

/**
 * What the book of a dataset hangs on: its regions, by what names it knows subjects and rows, and whose values it counts.
 * Under other names a subject counts as two, and a row that is deleted stays told.
 */
export const anonymousForm = (table: AnonymousTable, pseudonyms: KeyObject): string =>
  [
    table.anon.quasi_identifiers.join(', '),
    ...(table.anon.diversity ? [`values of ${table.anon.diversity.column}`] : []),
    `rows of ${table.table} by ${table.key.map((name) => keyForm(table, name)).join(', ')}`,
    `subjects ${table.subject?.domain ?? 'none'} of tenants ${table.tenant ?? 'none'}`,
    `under key ${fingerprintOf(pseudonyms)}`,
  ].join('; ');

/** What is confidential is a token in keys. */
function keyForm(table: AnonymousTable, name: string): string {
  const column = table.columns.find((each) => each.name === name);
  if (!column || !isConfidential(column)) return name;
  const { name: domain, form } = tokenDomain(table, column);
  return `a token of ${domain}${form === null ? '' : ` in ${form}`}`;
}

/** What published noise hangs on: drawn under another key it is another one, and so less of it for who sees both. */
export const noiseForm = (key: KeyObject): string => `noise under key ${fingerprintOf(key)}`;

/** Tells keys apart, and nothing of them. */
const fingerprintOf = (key: KeyObject): string =>
  createHmac('sha256', key).update('conductor.fingerprint').digest('hex').slice(0, 16);
