import type { Owner } from './owner-guess.ts';
import { isSecret, type Proposal, type ProposedColumn } from './proposed.ts';

interface Owners {
  readonly tenant: Owner | null;
  readonly subject: Owner | null;
}

/** Whose a row is taken to be where nothing tells it, so that what is confidential has a key to be sealed by. */
export function fallbackOwner(
  columns: readonly ProposedColumn[],
  tenant: Owner | null,
): Owner | null {
  if (tenant || !columns.some(isSecret)) return null;
  const filled = columns.filter(({ notNull }) => notNull);
  const column =
    columns.find(({ keyPosition }) => keyPosition === 1) ??
    filled.find((each) => !isSecret(each)) ??
    filled[0] ??
    columns.find(isSecret);
  return (
    (column && {
      column: column.name,
      why: 'nothing tells whose a row is; so rows that are equal in it share a key of their own',
      pointsTo: null,
    }) ??
    null
  );
}

/** What a person must know of the owners that were guessed. */
export function ownerNotes(
  columns: readonly ProposedColumn[],
  { tenant, subject }: Owners,
): readonly string[] {
  const isNullable = (owner: Owner | null) =>
    columns.some(({ name, notNull }) => name === owner?.column && !notNull);
  const has = (rule: string) => columns.some((column) => column.rule === rule);
  const notes: string[] = [];
  if (subject?.why.startsWith('nothing tells'))
    notes.push(
      `it has confidential columns, and neither a person nor a tenant that they belong to could be told: ${subject.column} stands in as the subject; name the right column, or leave it if rows are about nobody`,
    );
  if (columns.some(isSecret) && isNullable(subject) && (!tenant || isNullable(tenant)))
    notes.push(
      `a row whose ${subject?.column} is null is refused, for no key is known to seal it by; make the column NOT NULL, or name a tenant`,
    );
  if (isNullable(tenant) && has('tokenise'))
    notes.push(
      `a row whose ${tenant?.column} is null is refused, for tokens are made per tenant; make the column NOT NULL, or take the tenant out`,
    );
  return notes;
}

/** Keys and tokens are made per tenant: those of a table that has none are others, for the same person too. */
export function meetingNotes(
  { columns, tenant, subject }: Proposal,
  all: ReadonlyMap<string, Proposal>,
): readonly string[] {
  return columns.flatMap(({ name, rule, pointsTo }) => {
    const target = pointsTo && all.get(pointsTo.table);
    if (!target || (target.tenant === null) === (tenant === null)) return [];
    const which = tenant ? 'this table' : pointsTo.table;
    const end = `those of ${pointsTo.table}: only ${which} has a tenant`;
    return [
      ...(rule === 'tokenise' ? [`the tokens of ${name} do not meet ${end}`] : []),
      ...(name === subject?.column && columns.some(isSecret)
        ? [`its rows are sealed under other keys than ${end}`]
        : []),
    ];
  });
}
