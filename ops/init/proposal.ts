import { type Column, primaryKey, type Relation, tableName } from './catalog.ts';
import { guessColumn } from './column-guess.ts';
import { guessGraph } from './graph-guess.ts';
import { commonTenantWord, guessSubject, guessTenant } from './owner-guess.ts';
import { fallbackOwner, meetingNotes, ownerNotes } from './owner-notes.ts';
import type { Proposal, ProposedColumn } from './proposed.ts';
import { References } from './references.ts';
import { type Draft, type Guessing, isOfSinks, Verdicts } from './verdicts.ts';

/** What a column is taken to hold where nothing is known but names and types. */
export const guessByName: Guessing = ({ name }, column) => guessColumn(name, column);

/** Proposes a contract for every table, from names and types alone unless more is known. They hold against each other. */
export function propose(
  relations: readonly Relation[],
  { generated, guess = guessByName }: { readonly generated: boolean; readonly guess?: Guessing },
): readonly Proposal[] {
  const word = commonTenantWord(relations);
  const drafts = relations.map((relation) => {
    const tenant = guessTenant(relation, word, relations);
    const subject = guessSubject(relation, word, relations);
    const isPublished = (column: Column) =>
      column.generated === 'no' || (generated && column.generated === 'stored');
    return {
      relation,
      columns: relation.columns.filter(isPublished),
      leftOut: relation.columns.filter((column) => !isPublished(column)),
      tenant,
      subject,
      owners: [tenant, subject].filter((owner) => owner !== null),
    };
  });
  const references = new References(drafts);
  const verdicts = new Verdicts(drafts, references, guess);
  const proposals = drafts.map((draft) => proposal(draft, references, verdicts));
  const { nodes, joins } = guessGraph(
    proposals.map(({ table, relation: { schema, name }, tenant, columns }) => ({
      table,
      schema,
      name,
      tenant: tenant?.column ?? null,
      columns,
    })),
  );
  const all = new Map(proposals.map((each) => [each.table, each]));
  return proposals.map((each) => ({
    ...each,
    graph: nodes.get(each.table) ?? null,
    join: joins.get(each.table) ?? null,
    notes: [...each.notes, ...meetingNotes(each, all)],
  }));
}

function proposal(draft: Draft, references: References, verdicts: Verdicts): Proposal {
  const { relation, leftOut } = draft;
  const table = tableName(relation);
  const key = primaryKey(relation)?.columns ?? [];
  const columns = draft.columns.map(({ name, type, notNull }): ProposedColumn => {
    const at = key.indexOf(name);
    const { classification, rule, why, isGrave = false } = verdicts.of(table, name);
    return {
      name,
      type,
      notNull,
      keyPosition: at === -1 ? null : at + 1,
      classification,
      rule,
      why,
      isGrave,
      hierarchy: null,
      pointsTo: references.of(table, name),
    };
  });
  // Govern reads the tenant to make tokens, so it cannot be sealed.
  const open = columns.find(
    ({ name, classification }) => name === draft.tenant?.column && classification === 'internal',
  );
  const tenant = open ? draft.tenant : null;
  const owners = { tenant, subject: draft.subject ?? fallbackOwner(columns, tenant) };
  return {
    table,
    relation,
    columns,
    leftOut,
    ...owners,
    graph: null,
    join: null,
    notes: [
      ...ownerNotes(columns, owners),
      ...references.unsaid(table),
      ...key
        .filter(isOfSinks)
        .map((name) => `its key has a column ${name}, a name that sinks keep to themselves`),
    ],
  };
}
