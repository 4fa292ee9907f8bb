import { stemOf, singular, wordsOf } from './name-words.ts';
import type { ProposedColumn, ProposedGraph } from './proposed.ts';

/** What of a proposal decides its place in the graph. */
interface Candidate {
  readonly table: string;
  readonly schema: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly columns: readonly ProposedColumn[];
}

/** Proposes a node for each table that has a key, and a relationship for each column that points to a node. */
export function guessGraph(candidates: readonly Candidate[]): ReadonlyMap<string, ProposedGraph> {
  const labels = labelsOf(candidates);
  const keys = new Map(candidates.map((each) => [each.table, keyOf(each)]));
  const leads = ({ pointsTo, rule }: ProposedColumn): boolean => {
    if (!pointsTo || !labels.has(pointsTo.table) || rule === 'mask' || rule === 'drop')
      return false;
    const key = keys.get(pointsTo.table) ?? [];
    return key.length === 1 && key[0] === pointsTo.column;
  };
  return new Map(
    candidates.flatMap(({ table, tenant, columns }) => {
      const label = labels.get(table);
      if (label === undefined) return [];
      const leading = columns.filter(leads);
      // A tenant that is reached by another way would be the neighbour of everything.
      const others = leading.filter(({ name }) => name !== tenant);
      const relationships = unique(
        (others.length > 0 ? others : leading).map(({ name, pointsTo }) => ({
          type: name === tenant ? 'BELONGS_TO' : typeOf(name, pointsTo?.table ?? ''),
          column: name,
        })),
        ({ type }) => type,
      ).filter(({ type }) => /^[A-Z][A-Z0-9_]*$/.test(type));
      return [[table, { label, relationships }] as const];
    }),
  );
}

const keyOf = ({ columns }: Candidate): readonly string[] =>
  columns.filter(({ keyPosition }) => keyPosition !== null).map(({ name }) => name);

/** `CUSTOMER` for `customer_id`; a column that is no more than `id` says what it points to by its table. */
function typeOf(column: string, table: string): string {
  const words = wordsOf(column).join('_');
  const name = words === 'id' ? wordsOf(table.slice(table.indexOf('.') + 1)).join('_') : words;
  return (stemOf(name) ?? name).toUpperCase();
}

/** What the graph keeps of its own in every node. */
const own = ['_key', '_position', '_held'];

function labelsOf(candidates: readonly Candidate[]): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const taken = new Set<string>();
  for (const candidate of candidates) {
    const { table, schema, name, columns } = candidate;
    const clash = columns.some((column) => own.includes(column.name) && column.rule !== 'drop');
    if (keyOf(candidate).length === 0 || clash) continue;
    const label = [name, `${schema}_${name}`].map(pascal).find((each) => !taken.has(each));
    if (label === undefined || !/^[A-Za-z][A-Za-z0-9_]*$/.test(label)) continue;
    taken.add(label);
    labels.set(table, label);
  }
  return labels;
}

function pascal(name: string): string {
  const words = wordsOf(name);
  return words
    .map((word, at) => (at === words.length - 1 ? singular(word) : word))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

function unique<T>(list: readonly T[], by: (each: T) => string): readonly T[] {
  return list.filter((each, at) => list.findIndex((other) => by(other) === by(each)) === at);
}
