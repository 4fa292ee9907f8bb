import { hash } from 'node:crypto';
import { usageTables } from '../../sinks/usage-tables.ts';
import type { Costs } from './open-costs.ts';

/** How a month was closed last. */
export interface Closing {
  readonly month: string; // YYYY-MM
  readonly number: number;
  readonly state: 'closed' | 'reopened';
  readonly lines: number;
  readonly nanoUsd: bigint;
  readonly digest: string; // Of its statement.
  readonly who: string;
  readonly at: string;
}

/** What is known of months that were ever closed, in their order. */
export async function closings({ ask, place }: Costs): Promise<readonly Closing[]> {
  const found = await ask<
    Record<'of' | 'nth' | 'state' | 'lines' | 'nano' | 'digest' | 'who' | 'told', string>
  >(
    `SELECT formatDateTime(month, '%Y-%m') AS of, toString(number) AS nth, state, toString(lines) AS lines,
      toString(nano_usd) AS nano, digest, who, concat(formatDateTime(at, '%Y-%m-%dT%H:%i:%S'), 'Z') AS told
    FROM ${place.at(usageTables.closings)} ORDER BY month, number`,
  );
  const last = new Map<string, Closing>();
  for (const { of: month, nth, state, lines, nano, digest, who, told } of found)
    last.set(month, {
      month,
      number: Number(nth),
      state: state === 'closed' ? 'closed' : 'reopened',
      lines: Number(lines),
      nanoUsd: BigInt(nano),
      digest,
      who,
      at: told,
    });
  return [...last.values()];
}

/** The statement of a month as it was closed: its lines in their order, as CSV. The same bytes whenever it is asked for. */
export async function statementOf(
  { bytes: read, place }: Pick<Costs, 'bytes' | 'place'>,
  { month, number }: Pick<Closing, 'month' | 'number'>,
): Promise<{ readonly bytes: Buffer; readonly digest: string }> {
  const bytes =
    await read(`SELECT formatDateTime(l.month, '%Y-%m') AS month, kind, formatDateTime(l.of_month, '%Y-%m') AS of_month,
        tenant, unit, operation, dataset, region, toString(l.priced_from) AS priced_from, l.is_priced ? 'yes' : 'no' AS is_priced,
        toDecimalString(l.quantity, 12) AS quantity, toString(l.events) AS events, toString(l.nano_usd) AS nano_usd
      FROM (SELECT * FROM ${place.at(usageTables.closedLines)} WHERE month = '${month}-01' AND number = ${number}) AS l
      ORDER BY tenant, kind, l.of_month, unit, l.priced_from, operation, dataset, region
      FORMAT CSVWithNames`);
  return { bytes, digest: hash('sha256', bytes, 'hex') };
}
