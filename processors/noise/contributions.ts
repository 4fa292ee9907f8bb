import type { Change } from '../../schemas/change.ts';
import { isConfidential, type TableContract } from '../../contracts/contract.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Secret } from '../../schemas/secret.ts';
import { unchanged, type Row, type Unchanged, type Value } from '../../schemas/value.ts';
import type { Plan } from './plan.ts';

/** What a change does to one cell: the number of its query in the plan, of the channel, of the cell, and how much. */
export type Effect = readonly [query: number, channel: number, cell: number, units: bigint];

/** What a change says of one subject. */
export interface Contribution {
  readonly tenant: string;
  readonly subject: string;
  readonly rows: number; // That it counts for: two where it takes one away and adds another.
  readonly effects: readonly Effect[];
}

/**
 * What a change adds to the queries of a plan, for each subject that it tells of. It depends on the change alone and on
 * nothing that was before it, so that what is told of a subject in a month depends on its changes of that month alone.
 */
export function contributions(plan: Plan, change: Change, secret: Secret): readonly Contribution[] {
  const { contract, dp } = plan;
  const { op, table, before, after } = change;
  if (isCopied(change) || op === 'truncate') return [];
  if (dp.changes === 'inserts' && op !== 'insert') return [];
  if (op !== 'insert' && !(before && isWhole(plan, before, secret.before)))
    throw new Refusal(
      'missing-base',
      `table ${table}: a change does not bring its whole old row, so that it cannot be taken away from aggregates; ALTER TABLE … REPLICA IDENTITY FULL, or promise changes: inserts in its dp`,
    );
  const old = op === 'insert' ? null : rowOf(contract, before, secret.before, null);
  const now = after && rowOf(contract, after, secret.after, old);
  const away = old && told(plan, old, -1n);
  const added = now && told(plan, now, 1n);
  if (away && added && away.tenant === added.tenant && away.subject === added.subject) {
    const effects = together([...away.effects, ...added.effects]);
    return effects.length === 0 ? [] : [{ ...added, rows: 2, effects }];
  }
  return [away, added].flatMap((each) => (each && each.effects.length > 0 ? [each] : []));
}

/** Rows that were copied are nothing that happened: they would count once more whenever they are copied. */
const isCopied = ({ log }: Change): boolean => log.includes('/');

/** Whether an old row brings all that is asked of it: of a replica identity it may bring the key alone. */
function isWhole({ contract, dp }: Plan, open: Row, secret: Row | null): boolean {
  const { columns, tenant, subject } = contract;
  const asked = new Set([tenant, subject?.column, ...dp.queries.map(({ column }) => column)]);
  return columns.every(
    (column) =>
      !asked.has(column.name) ||
      (isConfidential(column) ? secret : open)?.[column.name] !== unchanged,
  );
}

/** A row with its confidential columns, whole: what was not sent of it is as it was. */
function rowOf(
  { columns }: TableContract,
  open: Row | null,
  secret: Row | null,
  old: Row | null,
): Row {
  const row: Record<string, Value | Unchanged> = Object.create(null) as object as Row;
  for (const column of columns) {
    const value = (isConfidential(column) ? secret : open)?.[column.name] ?? null;
    row[column.name] = value === unchanged ? (old?.[column.name] ?? null) : value;
  }
  return row;
}

/** What a row says; null if it is of no tenant that has series, or of nobody. */
function told({ contract, dp, queries }: Plan, row: Row, sign: 1n | -1n): Contribution | null {
  const subject = textAt(row, contract.subject?.column ?? null);
  const tenant = textAt(row, contract.tenant);
  if (subject === null) return null;
  if (dp.tenants && !dp.tenants.includes(tenant ?? '')) return null;
  const effects: Effect[] = [];
  for (const [query, { channels }] of queries.entries())
    for (const [at, { channel }] of channels.entries()) {
      const added = channel.adds(row);
      if (added) effects.push([query, at, added.cell, sign * added.units]);
    }
  return { tenant: tenant ?? '', subject, rows: 1, effects };
}

function textAt(row: Row, column: string | null): string | null {
  const value = column === null ? null : row[column];
  return value === null || value === undefined || value === unchanged ? null : `${value}`;
}

/** Adds up what is of one cell; what comes to nothing is left out. */
function together(effects: readonly Effect[]): readonly Effect[] {
  const sums = new Map<string, Effect>();
  for (const [query, channel, cell, units] of effects) {
    const place = `${query}/${channel}/${cell}`;
    sums.set(place, [query, channel, cell, (sums.get(place)?.[3] ?? 0n) + units]);
  }
  return [...sums.values()].filter(([, , , units]) => units !== 0n);
}
