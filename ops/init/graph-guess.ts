import { stemOf, singular, wordsOf } from './name-words.ts';
import type { ProposedColumn, ProposedGraph, ProposedJoin } from './proposed.ts';

/** What of a proposal decides its place in the graph. */
interface Candidate {
  readonly table: string;
  readonly schema: string;
  readonly name: string;
  readonly tenant: string | null;
  readonly columns: readonly ProposedColumn[];
}

/** The place of tables in the graph: each is nodes, or relationships, or not there. */
interface Guess {
  readonly nodes: ReadonlyMap<string, ProposedGraph>;
  readonly joins: ReadonlyMap<string, ProposedJoin>;
}

/**
 * Proposes a node for each table that has a key, and a relationship for each column that points to a node. A table
 * whose key is two foreign keys and no more is relationships itself.
 */
export function guessGraph(candidates: readonly Candidate[]): Guess {
  const keys = new Map(candidates.map((each) => [each.table, keyOf(each)]));
  const points = ({ pointsTo, rule }: ProposedColumn): boolean => {
    if (!pointsTo || rule === 'mask' || rule === 'drop') return false;
    const key = keys.get(pointsTo.table) ?? [];
    return key.length === 1 && key[0] === pointsTo.column;
  };
  const couldJoin = new Map(
    candidates.flatMap((each) => {
      const [from, to, ...others] = keyColumns(each);
      const isJoin = from && to && others.length === 0 && [from, to].every((of) => isDeclared(of));
      return isJoin && points(from) && points(to) ? [[each, [from, to] as const] as const] : [];
    }),
  );
  const labels = new Map<string, string>();
  label(
    labels,
    candidates.filter((each) => !couldJoin.has(each)),
  );
  const leads = (column: ProposedColumn) =>
    points(column) && labels.has(column.pointsTo?.table ?? '');
  const joining = new Map(
    [...couldJoin].filter(([each, ends]) => !hasClash(each) && ends.every(leads)),
  );
  label(
    labels,
    [...couldJoin.keys()].filter((each) => !joining.has(each)),
  );
  const nodes = new Map(
    candidates.flatMap((each) => {
      const own = labels.get(each.table);
      return own === undefined ? [] : [[each.table, nodeOf(each, own, leads)] as const];
    }),
  );
  return { nodes, joins: joinsOf(joining, nodes) };
}

function nodeOf(
  { tenant, columns }: Candidate,
  own: string,
  leads: (column: ProposedColumn) => boolean,
): ProposedGraph {
  const leading = columns.filter(leads);
  // A tenant that is reached by another way would be the neighbour of everything.
  const others = leading.filter(({ name }) => name !== tenant);
  const relationships = unique(
    (others.length > 0 ? others : leading).map(({ name, pointsTo }) => ({
      type: name === tenant ? 'BELONGS_TO' : typeOf(name, pointsTo?.table ?? ''),
      column: name,
    })),
    ({ type }) => type,
  ).filter(({ type }) => isType(type));
  return { label: own, relationships };
}

/** Each with a type of its own: one whose name is taken, or is none, is left out. */
function joinsOf(
  joining: ReadonlyMap<Candidate, readonly [ProposedColumn, ProposedColumn]>,
  nodes: ReadonlyMap<string, ProposedGraph>,
): ReadonlyMap<string, ProposedJoin> {
  const taken = new Set(
    [...nodes.values()].flatMap(({ relationships }) => relationships.map(({ type }) => type)),
  );
  const joins = new Map<string, ProposedJoin>();
  for (const [{ table, schema, name }, [from, to]] of joining) {
    const type = [name, `${schema}_${name}`].map(joinType).find((each) => !taken.has(each));
    if (type === undefined || !isType(type)) continue;
    taken.add(type);
    joins.set(table, { type, from: from.name, to: to.name });
  }
  return joins;
}

const isType = (type: string): boolean => /^[A-Z][A-Z0-9_]*$/.test(type);

const isDeclared = ({ pointsTo }: ProposedColumn): boolean => pointsTo?.declared === true;

const joinType = (name: string): string => singularWords(name).join('_').toUpperCase();

const keyColumns = ({ columns }: Candidate): readonly ProposedColumn[] =>
  columns
    .filter(({ keyPosition }) => keyPosition !== null)
    .toSorted((a, b) => (a.keyPosition ?? 0) - (b.keyPosition ?? 0));

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

const hasClash = ({ columns }: Candidate): boolean =>
  columns.some((column) => own.includes(column.name) && column.rule !== 'drop');

/** Gives each that can be a node a label that no other has. */
function label(labels: Map<string, string>, candidates: readonly Candidate[]): void {
  const taken = new Set(labels.values());
  for (const candidate of candidates) {
    const { table, schema, name } = candidate;
    if (keyOf(candidate).length === 0 || hasClash(candidate)) continue;
    const found = [name, `${schema}_${name}`].map(pascal).find((each) => !taken.has(each));
    if (found === undefined || !/^[A-Za-z][A-Za-z0-9_]*$/.test(found)) continue;
    taken.add(found);
    labels.set(table, found);
  }
}

const pascal = (name: string): string =>
  singularWords(name)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** The words of a name, the last of them of one and not of many. */
const singularWords = (name: string): readonly string[] =>
  wordsOf(name).map((word, at, { length }) => (at === length - 1 ? singular(word) : word));

function unique<T>(list: readonly T[], by: (each: T) => string): readonly T[] {
  return list.filter((each, at) => list.findIndex((other) => by(other) === by(each)) === at);
}
